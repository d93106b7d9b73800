-- The domains: what holds for a column by itself, wherever it is stored. PostgreSQL reads a table's CHECKs anew in each statement that writes
-- to it, and a domain's once in a session: tables keep what compares several columns.
set local role openstock_owner;

create domain openstock_core.quantity as numeric
  constraint quantity_is_bounded check (value between -999999999999.999999 and 999999999999.999999)
  constraint quantity_has_six_decimals check (scale(value) <= 6);

comment on domain openstock_core.quantity is
  'Units of a product, in the product''s unit: at most 12 digits before and 6 after the point. NaN and infinity fall outside the bounds.';

create domain openstock_core.amount as numeric
  constraint amount_is_bounded check (value between 0 and 999999999999.999999)
  constraint amount_has_six_decimals check (scale(value) <= 6);

comment on domain openstock_core.amount is 'A quantity of what is there, or was counted: not negative.';

create domain openstock_core.code as text
  constraint code_is_bounded check (char_length(value) between 1 and 64)
  constraint code_is_normalised check (value is nfc normalized and value = btrim(value))
  constraint code_is_printable check (value !~ '[[:cntrl:]]');

comment on domain openstock_core.code is
  'A name that people and machines exchange (sku, warehouse, bin, lot, order): NFC, trimmed, 1 to 64 characters, no control characters.';

create domain openstock_core.op_id as text
  constraint op_id_is_bounded check (octet_length(value) between 1 and 128);

comment on domain openstock_core.op_id is 'The caller''s idempotency key, 1 to 128 bytes.';

create domain openstock_core.line_number as integer
  constraint line_number_is_positive check (value > 0);

comment on domain openstock_core.line_number is 'The number of an order''s line, from 1.';

create domain openstock_core.day_count as integer
  constraint day_count_is_not_negative check (value >= 0);

comment on domain openstock_core.day_count is 'Whole days, 0 or more.';

create domain openstock_core.json_object as jsonb
  constraint json_object_is_an_object check (jsonb_typeof(value) = 'object');

comment on domain openstock_core.json_object is 'A JSON object: neither an array nor a single value.';

-- Three short lists: one of nine or more would be made a hash table of for each entry. The most frequent come first.
create domain openstock_core.event_type as text
  constraint event_type_is_known check (
    value in ('RESERVE', 'SHIP', 'ALLOCATE', 'RECEIPT', 'RELEASE', 'DEALLOCATE', 'EXPIRE')
    or value in ('CONFIRM', 'MOVE', 'ADJUST', 'COUNT', 'STATUS', 'BACKORDER', 'EXTEND')
    or value in ('TRANSFER_OUT', 'TRANSFER_IN', 'RETURN'));

comment on domain openstock_core.event_type is
  'What a ledger entry is: RECEIPT, SHIP, ADJUST, COUNT, MOVE, STATUS, TRANSFER_OUT, TRANSFER_IN, RETURN, RESERVE, BACKORDER, EXTEND, CONFIRM, '
  'RELEASE, EXPIRE, ALLOCATE or DEALLOCATE.';

reset role;
