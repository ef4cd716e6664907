-- Chapter four: what the running service may do. No DDL, and nothing append-only may be changed.
GRANT USAGE ON SCHEMA public TO card_app;
GRANT SELECT, INSERT, UPDATE ON cards, card_limits, usage, sweeps, business_day TO card_app;
-- A limit that goes back to the product's is no row.
GRANT DELETE ON card_limits TO card_app;
GRANT SELECT, INSERT, UPDATE (status, cleared_minor, matched_minor) ON authorizations TO card_app;
GRANT SELECT, INSERT, UPDATE (status, moved_minor, refusal, ended_at) ON orders TO card_app;
GRANT SELECT, INSERT ON outcomes, bookings, settlement_reports TO card_app;
GRANT SELECT, INSERT, UPDATE ON clearing_files, clearing_items TO card_app;
GRANT SELECT, INSERT, UPDATE (resolution, reason, resolved_at) ON settlement_breaks TO card_app;
GRANT USAGE ON SEQUENCE card_serials TO card_app;
REVOKE ALL ON FUNCTION ensure_partitions(date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(date, date) TO card_app;
