-- The table of contents, in the order of installation. `psql -1 -v ON_ERROR_STOP=1 -f sql/install.sql` builds the whole schema;
-- migrations/ is how databases get it.

-- who and where
\ir roles.sql
\ir schemas.sql

-- words
\ir types/quantity.sql
\ir types/results.sql
\ir types/internals.sql

-- what tables need
\ir functions/openstock_core/protect_table.sql
\ir functions/openstock_core/refuse_change.sql
\ir functions/openstock_core/make_append_only.sql
\ir functions/openstock_core/is_chained.sql

-- tables
\ir tables/migration.sql
\ir tables/tenancy.sql
\ir tables/catalog.sql
\ir tables/stock.sql
\ir tables/channels.sql
\ir tables/ledger.sql
\ir tables/reservations.sql
\ir tables/operations.sql
\ir functions/openstock_core/ledger_totals.sql
\ir tables/snapshot.sql

-- errors and guards
\ir views/openstock/error_codes.sql
\ir functions/openstock_core/fail.sql
\ir functions/openstock/server_time.sql
\ir functions/openstock_core/as_uuid.sql
\ir functions/openstock/current_tenant.sql
\ir functions/openstock/schema_version.sql
\ir functions/openstock_core/is_date.sql
\ir functions/openstock_core/value_problem.sql
\ir functions/openstock_core/check_text.sql
\ir functions/openstock_core/check_choice.sql
\ir functions/openstock_core/check_call.sql
\ir functions/openstock_core/check_lines.sql
\ir functions/openstock_core/quantity_problem.sql
\ir functions/openstock_core/enter.sql
\ir functions/openstock/act_for.sql
\ir functions/openstock_core/enter_as_operator.sql
\ir functions/openstock_core/find_warehouse.sql
\ir functions/openstock_core/find_channel.sql

-- operations
\ir functions/openstock_core/request_hash.sql
\ir functions/openstock_core/tenant_lock.sql
\ir functions/openstock_core/begin_operation.sql
\ir functions/openstock_core/finish_operation.sql

-- locks, in their order: operation, order, levels, lines, bins; and what is due there
\ir functions/openstock_core/lock_order.sql
\ir functions/openstock_core/lock_known_order.sql
\ir functions/openstock_core/lock_orders.sql
\ir functions/openstock_core/share_places.sql
\ir functions/openstock_core/lock_bins.sql
\ir functions/openstock_core/make_levels.sql
\ir functions/openstock_core/due_bins.sql
\ir functions/openstock_core/lock_levels.sql
\ir functions/openstock_core/lock_candidate_levels.sql
\ir functions/openstock_core/lock_backlogs.sql
\ir functions/openstock_core/lock_order_backorders.sql
\ir functions/openstock_core/units_for_quota.sql
\ir functions/openstock_core/find_due_holds.sql
\ir functions/openstock_core/lock_due_holds.sql
\ir functions/openstock_core/backorder_movements.sql
\ir functions/openstock_core/end_holds.sql
\ir functions/openstock_core/block_expired.sql
\ir functions/openstock_core/book_due.sql
\ir functions/openstock_core/refuse_stale_shortage.sql

-- writing the ledger and its projections
\ir functions/openstock_core/expiry.sql
\ir functions/openstock_core/post_ledger.sql
\ir functions/openstock_core/post_quotas.sql
\ir functions/openstock_core/post_allocations.sql
\ir functions/openstock_core/post_backorders.sql
\ir functions/openstock_core/refuse_unwritten.sql
\ir functions/openstock_core/post.sql
\ir functions/openstock_core/unpin_from_bins.sql
\ir functions/openstock_core/unpin_from_lines.sql

-- master data
\ir functions/openstock_core/lock_names.sql
\ir functions/openstock_core/check_master_lines.sql
\ir functions/openstock_core/check_products.sql
\ir functions/openstock_core/check_warehouses.sql
\ir functions/openstock_core/copy_safety_stock.sql
\ir functions/openstock_core/trimmed_numbers.sql
\ir functions/openstock_core/write_products.sql
\ir functions/openstock_core/write_warehouses.sql
\ir functions/openstock_core/write_locations.sql
\ir functions/openstock/put_products.sql
\ir functions/openstock/put_warehouses.sql
\ir functions/openstock/put_locations.sql
\ir functions/openstock_core/write_channels.sql
\ir functions/openstock/put_channels.sql

-- stock in bins
\ir functions/openstock_core/stock_line_problem.sql
\ir functions/openstock_core/read_stock_lines.sql
\ir functions/openstock_core/make_lots.sql
\ir functions/openstock_core/find_bins.sql
\ir functions/openstock_core/enters_blocked.sql
\ir functions/openstock_core/make_bins.sql
\ir functions/openstock_core/inherit_ages.sql
\ir functions/openstock_core/settle_bins.sql
\ir functions/openstock_core/stock_answer.sql
\ir functions/openstock_core/resolve_adjustments.sql
\ir functions/openstock_core/check_moves.sql
\ir functions/openstock_core/plan_moves.sql
\ir functions/openstock/receive.sql
\ir functions/openstock/adjust.sql
\ir functions/openstock/move.sql
\ir functions/openstock_core/read_quota_lines.sql
\ir functions/openstock_core/write_quotas.sql
\ir functions/openstock/put_quotas.sql

-- promises
\ir functions/openstock_core/check_ttl.sql
\ir functions/openstock_core/check_order_details.sql
\ir functions/openstock_core/set_order_details.sql
\ir functions/openstock_core/order_line_keys.sql
\ir functions/openstock_core/read_order_lines.sql
\ir functions/openstock_core/parts_of_order.sql
\ir functions/openstock_core/check_order_is_open.sql
\ir functions/openstock_core/fail_nothing_open.sql
\ir functions/openstock_core/number_new_lines.sql
\ir functions/openstock_core/number_lines.sql
\ir functions/openstock_core/units_kept.sql
\ir functions/openstock_core/for_channel.sql
\ir functions/openstock_core/distance_km.sql
\ir functions/openstock_core/read_sourcing.sql
\ir functions/openstock_core/check_completeness.sql
\ir functions/openstock_core/cover_greedily.sql
\ir functions/openstock_core/cover_with_two.sql
\ir functions/openstock_core/choose_warehouses.sql
\ir functions/openstock_core/ended_units.sql
\ir functions/openstock_core/find_candidates.sql
\ir functions/openstock_core/plan_reservation.sql
\ir functions/openstock_core/pickable_bins.sql
\ir functions/openstock_core/asks_for_certain_units.sql
\ir functions/openstock_core/certain_bins.sql
\ir functions/openstock_core/plan_pins.sql
\ir functions/openstock_core/plan_stock.sql
\ir functions/openstock_core/ended_pins.sql
\ir functions/openstock_core/find_holds_of_quotas.sql
\ir functions/openstock_core/make_room.sql
\ir functions/openstock_core/find_stock.sql
\ir functions/openstock_core/reservation_answer.sql
\ir functions/openstock_core/promise.sql
\ir functions/openstock_core/missing_lines.sql
\ir functions/openstock_core/may_wait.sql
\ir functions/openstock_core/shortage_answer.sql
\ir functions/openstock_core/promise_or_refuse.sql
\ir functions/openstock_core/open_lines.sql
\ir functions/openstock_core/match_order_lines.sql
\ir functions/openstock_core/lock_open_lines.sql
\ir functions/openstock_core/take_order_lines.sql
\ir functions/openstock_core/release_units.sql
\ir functions/openstock_core/give_back.sql
\ir functions/openstock/reserve.sql
\ir functions/openstock/quote.sql
\ir functions/openstock/release.sql
\ir functions/openstock/cancel.sql
\ir functions/openstock_core/read_amendment.sql
\ir functions/openstock_core/find_giving.sql
\ir functions/openstock_core/check_still_open.sql
\ir functions/openstock_core/amend_order.sql
\ir functions/openstock/amend.sql

-- holds
\ir functions/openstock_core/ended_holds.sql
\ir functions/openstock_core/lock_holds.sql
\ir functions/openstock_core/move_lines.sql
\ir functions/openstock_core/expire_holds.sql
\ir functions/openstock/extend.sql
\ir functions/openstock/confirm.sql
\ir functions/openstock/expire_reservations.sql

-- backorders
\ir functions/openstock_core/queue_lock.sql
\ir functions/openstock_core/lock_queue.sql
\ir functions/openstock_core/lock_waiting.sql
\ir functions/openstock_core/plan_fill.sql
\ir functions/openstock_core/fill_queue.sql
\ir functions/openstock_core/fill_from_stock.sql
\ir functions/openstock/fill_backorders.sql

-- allocation and shipment
\ir functions/openstock_core/units.sql
\ir functions/openstock_core/lock_pickable_bins.sql
\ir functions/openstock_core/plan_picks.sql
\ir functions/openstock_core/try_picks.sql
\ir functions/openstock_core/find_picks.sql
\ir functions/openstock_core/lock_needs.sql
\ir functions/openstock_core/find_picks_of_orders.sql
\ir functions/openstock_core/pick_rows.sql
\ir functions/openstock_core/allocation_answer.sql
\ir functions/openstock_core/pin.sql
\ir functions/openstock_core/plan_shipment.sql
\ir functions/openstock_core/shipment_answer.sql
\ir functions/openstock/allocate.sql
\ir functions/openstock/deallocate.sql
\ir functions/openstock_core/served_orders.sql
\ir functions/openstock_core/find_picks_of_whole_orders.sql
\ir functions/openstock_core/claim_orders.sql
\ir functions/openstock/allocate_next.sql
\ir functions/openstock_core/match_short_picks.sql
\ir functions/openstock_core/make_held_bins.sql
\ir functions/openstock_core/replace_pins.sql
\ir functions/openstock/short_pick.sql
\ir functions/openstock/ship.sql

-- reading
\ir views/openstock/products.sql
\ir views/openstock/warehouses.sql
\ir views/openstock/locations.sql
\ir views/openstock/channels.sql
\ir views/openstock/stock.sql
\ir views/openstock/quotas.sql
\ir views/openstock/bins.sql
\ir views/openstock/ledger.sql
\ir views/openstock/reservations.sql
\ir views/openstock/orders.sql
\ir views/openstock/order_lines.sql
\ir views/openstock/backorders.sql
\ir views/openstock/shortages.sql
\ir functions/openstock/availability.sql
\ir functions/openstock/order_history.sql
\ir functions/openstock/search_products.sql
\ir views/openstock_dw/current_stock.sql

-- operators
\ir views/openstock_admin/tenants.sql
\ir functions/openstock_core/check_grant.sql
\ir functions/openstock_core/unanalyzed_tables.sql
\ir functions/openstock_core/findings_of_partitions.sql
\ir functions/openstock_core/findings_of_roles.sql
\ir functions/openstock_core/replayed_levels.sql
\ir functions/openstock_core/replayed_bins.sql
\ir functions/openstock_core/replayed_lines.sql
\ir functions/openstock_core/replayed_allocations.sql
\ir functions/openstock_core/replayed_backorders.sql
\ir functions/openstock_core/level_differences.sql
\ir functions/openstock_core/bin_differences.sql
\ir functions/openstock_core/line_differences.sql
\ir functions/openstock_core/backorder_differences.sql
\ir functions/openstock_core/ledger_differences.sql
\ir functions/openstock_core/differences.sql
\ir functions/openstock_core/replace_levels.sql
\ir functions/openstock_core/replace_lines.sql
\ir functions/openstock_core/replace_backorders.sql
\ir functions/openstock_core/replace_bins.sql
\ir functions/openstock_core/replace_due_times.sql
\ir functions/openstock_admin/create_tenant.sql
\ir functions/openstock_admin/set_tenant_active.sql
\ir functions/openstock_admin/grant_tenant.sql
\ir functions/openstock_admin/revoke_tenant.sql
\ir functions/openstock_admin/analyze_tables.sql
\ir functions/openstock_admin/ensure_partitions.sql
\ir functions/openstock_admin/block_expired_lots.sql
\ir functions/openstock_admin/expire_reservations.sql
\ir functions/openstock_admin/fill_backorders.sql
\ir functions/openstock_admin/refresh_current_stock.sql
\ir functions/openstock_admin/verify.sql
\ir functions/openstock_admin/rebuild.sql
\ir functions/openstock_admin/run_maintenance.sql
\ir functions/openstock_admin/doctor.sql

-- twelve months of partitions
\ir finish.sql
