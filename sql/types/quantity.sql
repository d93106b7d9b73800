-- The domains: quantities and codes, with bounds that hold wherever they are stored.
set local role openstock_owner;

create domain openstock_core.quantity as numeric
  constraint quantity_is_bounded check (value between -999999999999.999999 and 999999999999.999999)
  constraint quantity_has_six_decimals check (scale(value) <= 6);

comment on domain openstock_core.quantity is
  'Units of a product, in the product''s unit: at most 12 digits before and 6 after the point. NaN and infinity fall outside the bounds.';

create domain openstock_core.code as text
  constraint code_is_bounded check (char_length(value) between 1 and 64)
  constraint code_is_normalised check (value is nfc normalized and value = btrim(value))
  constraint code_is_printable check (value !~ '[[:cntrl:]]');

comment on domain openstock_core.code is
  'A name that people and machines exchange (sku, warehouse, bin, lot, order): NFC, trimmed, 1 to 64 characters, no control characters.';

reset role;
