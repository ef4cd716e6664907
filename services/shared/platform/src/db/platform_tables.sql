-- Tables that the platform keeps in every service's database. Idempotent: run before the service's own migrations.
-- {app_role} is the role that the service runs as.

CREATE TABLE IF NOT EXISTS heartbeat (
    only_row boolean NOT NULL,
    beat_at timestamptz NOT NULL,
    timeline integer NOT NULL,
    CONSTRAINT heartbeat_pkey PRIMARY KEY (only_row),
    CONSTRAINT heartbeat_only_row_check CHECK (only_row)
) WITH (fillfactor = 50);
COMMENT ON TABLE heartbeat IS 'One row, written on the primary twice a second: its age on a replica is the replica''s lag';

CREATE TABLE IF NOT EXISTS outbox (
    batch_number bigint GENERATED ALWAYS AS IDENTITY,
    business_date date NOT NULL,
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload bytea NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (batch_number)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
-- The payload is small and short-lived: compressing it would cost more than it saves.
ALTER TABLE outbox ALTER COLUMN payload SET STORAGE EXTERNAL;
COMMENT ON TABLE outbox IS 'Effects not yet delivered to accounting; a row is one database transaction of this service';

GRANT SELECT, INSERT, UPDATE ON heartbeat TO {app_role};
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO {app_role};
