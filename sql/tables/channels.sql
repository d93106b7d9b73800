-- Sales channels, and the units that are kept for them.
set local role openstock_owner;

create table openstock_core.channel (
  tenant_id uuid not null,
  channel_id bigint generated always as identity,
  code openstock_core.code not null,
  name text not null,
  uses_safety_stock boolean not null default false,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint channel_pkey primary key (tenant_id, channel_id),
  constraint channel_code_is_unique unique (tenant_id, code),
  constraint channel_tenant_exists foreign key (tenant_id) references openstock_core.tenant,
  constraint channel_name_is_bounded check (char_length(name) between 1 and 200)
);
comment on table openstock_core.channel is 'Through which a tenant sells: a web shop, a marketplace, the tills. Deactivated, never deleted.';
comment on column openstock_core.channel.tenant_id is 'The tenant.';
comment on column openstock_core.channel.channel_id is 'Internal identity.';
comment on column openstock_core.channel.code is 'The name by which the API speaks of it.';
comment on column openstock_core.channel.name is 'For people.';
comment on column openstock_core.channel.uses_safety_stock is 'True: what is reserved for it may use the safety stock.';
comment on column openstock_core.channel.active is
  'False: nothing is reserved for it any more, and what its orders give back is no longer kept for it. What is kept already stays so until put_quotas says otherwise.';
comment on column openstock_core.channel.created_at is 'When it was created.';
comment on column openstock_core.channel.updated_at is 'When it was last changed.';
select openstock_core.protect_table('openstock_core.channel');
grant select, insert, update on openstock_core.channel to openstock_api;
grant select on openstock_core.channel to openstock_maint;

create table openstock_core.channel_quota (
  tenant_id uuid not null,
  product_id bigint not null,
  warehouse_id bigint not null,
  channel_id bigint not null,
  qty openstock_core.amount not null,
  constraint channel_quota_pkey primary key (tenant_id, product_id, warehouse_id, channel_id),
  constraint channel_quota_level_exists foreign key (tenant_id, product_id, warehouse_id) references openstock_core.stock_level,
  constraint channel_quota_channel_exists foreign key (tenant_id, channel_id) references openstock_core.channel
) with (fillfactor = 50);
comment on table openstock_core.channel_quota is
  'Units of a stock level that are kept for a sales channel. They are set by put_quotas and are no projection of the ledger; their sum per level is stock_level.fenced. '
  'A row has no lock of its own: whoever changes it holds the row lock of the level, and writes the level too, so that no older snapshot overlooks it. It stays '
  'when nothing is kept any more.';
comment on column openstock_core.channel_quota.tenant_id is 'The tenant.';
comment on column openstock_core.channel_quota.product_id is 'The product.';
comment on column openstock_core.channel_quota.warehouse_id is 'The warehouse.';
comment on column openstock_core.channel_quota.channel_id is 'The channel.';
comment on column openstock_core.channel_quota.qty is 'Units still kept: what the channel reserves is taken from them first, what it gives back returns.';
select openstock_core.protect_table('openstock_core.channel_quota');
grant select, insert, update on openstock_core.channel_quota to openstock_api;
grant select on openstock_core.channel_quota to openstock_maint;

reset role;
