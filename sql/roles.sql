-- The server and the database that openstock needs. `openstock migrate` says the same before it begins.
do $server$
begin
  if pg_catalog.current_setting('server_version_num')::integer < 150000 then
    raise exception using errcode = '0A000', message = 'The server is too old.',
      detail = pg_catalog.jsonb_build_object('server', pg_catalog.current_setting('server_version'), 'needed', 15)::text,
      hint = 'Upgrade it to PostgreSQL 15 or newer, or use another.';
  end if;
  if pg_catalog.current_setting('server_encoding') <> 'UTF8' then
    raise exception using errcode = '0A000', message = 'The database does not store UTF-8.',
      detail = pg_catalog.jsonb_build_object('encoding', pg_catalog.current_setting('server_encoding'))::text,
      hint = 'Create a database with: create database ... template template0 encoding ''UTF8''';
  end if;
end
$server$;

-- The NOLOGIN roles of openstock. Roles belong to the whole cluster, so another database may have made them already,
-- or be making them now: whoever comes second waits on pg_authid's unique index and then finds them there.
do $roles$
declare
  wanted constant text[] := array[
    ['openstock_owner', 'openstock: owns the tables, partitions and private helpers; nobody logs in as it.'],
    ['openstock_api', 'openstock: owns the public functions and views; row-level security binds it.'],
    ['openstock_maint', 'openstock: owns what has to see every tenant (snapshot, verify, rebuild); nobody logs in as it.'],
    ['openstock_app', 'openstock: group of applications: calls the functions and reads the views of schema openstock.'],
    ['openstock_analyst', 'openstock: group of analysts: reads the views of openstock and openstock_dw.'],
    ['openstock_operator', 'openstock: group of operators: calls the functions of openstock_admin.']];
  wanted_role text[];
  acting_role text;
begin
  foreach wanted_role slice 1 in array wanted loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted_role[1]) then
      begin
        execute pg_catalog.format('create role %I nologin', wanted_role[1]);
        execute pg_catalog.format('comment on role %I is %L', wanted_role[1], wanted_role[2]);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
  end loop;
  -- Whoever migrates acts as each owning role. From 16 on, who creates a role may grant it but not yet act as it.
  foreach acting_role in array array['openstock_owner', 'openstock_api', 'openstock_maint'] loop
    if pg_catalog.current_setting('server_version_num')::integer >= 160000 then
      if not pg_catalog.pg_has_role(current_user, acting_role, 'set') then
        execute pg_catalog.format('grant %I to current_user', acting_role);
      end if;
    elsif not pg_catalog.pg_has_role(current_user, acting_role, 'member') then
      execute pg_catalog.format('grant %I to current_user', acting_role);
    end if;
  end loop;
end
$roles$;
