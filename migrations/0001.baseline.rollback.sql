-- Migrations of openstock go forward only. Without this file, `yoyo rollback` would forget the migration and leave its
-- objects in place.
do $rollback$
begin
  raise exception 'openstock migrations cannot be rolled back'
    using errcode = '0A000',
      hint = 'Restore a backup from before the migration, or correct what is wrong with a newer release.';
end
$rollback$;
