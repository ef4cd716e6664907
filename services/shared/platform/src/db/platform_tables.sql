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

-- The audit log. Who reads it needs no key: it holds no personal data.
CREATE TABLE IF NOT EXISTS audit_log (
    sequence bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- The caller's identity, such as teller/0042.
    actor text NOT NULL,
    -- What was done, such as FREEZE_CUSTOMER.
    action text NOT NULL,
    -- To what: an id or a name.
    subject text NOT NULL,
    details text NOT NULL,
    -- The hash of the record before; 32 zero bytes in the first.
    previous_hash bytea NOT NULL,
    -- SHA-256 over all of the above; see platform::audit::chain.
    hash bytea NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (sequence),
    CONSTRAINT audit_log_sequence_check CHECK (sequence > 0),
    CONSTRAINT audit_log_hash_check CHECK (octet_length(hash) = 32 AND octet_length(previous_hash) = 32)
);
COMMENT ON TABLE audit_log IS 'Who did what, each record chained to the one before; append-only. Heads are exported each minute';

-- The last record, so that who appends locks one row and reads no log.
CREATE TABLE IF NOT EXISTS audit_head (
    only_row boolean NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_head_pkey PRIMARY KEY (only_row),
    CONSTRAINT audit_head_only_row_check CHECK (only_row),
    CONSTRAINT audit_head_hash_check CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 50);
COMMENT ON TABLE audit_head IS 'Sequence and hash of the last record of audit_log';
INSERT INTO audit_head (only_row, sequence, hash)
VALUES (true, 0, decode(repeat('00', 32), 'hex'))
ON CONFLICT DO NOTHING;

-- What one person proposes and another decides. The payload is bytes of the service's own, sealed where it is personal.
CREATE TABLE IF NOT EXISTS approvals (
    approval_id uuid NOT NULL,
    -- What is to be done, such as CHANGE_CUSTOMER.
    kind text NOT NULL,
    -- To what.
    subject text NOT NULL,
    payload bytea NOT NULL,
    -- SHA-256 of what was proposed: who decides must name it.
    payload_hash bytea NOT NULL,
    maker text NOT NULL,
    reason text NOT NULL,
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL,
    -- NULL while PENDING.
    checker text,
    -- NULL while PENDING.
    decided_at timestamptz,
    CONSTRAINT approvals_pkey PRIMARY KEY (approval_id),
    CONSTRAINT approvals_payload_hash_check CHECK (octet_length(payload_hash) = 32),
    CONSTRAINT approvals_state_check CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED')),
    CONSTRAINT approvals_decided_check
        CHECK ((state = 'PENDING') = (checker IS NULL) AND (checker IS NULL) = (decided_at IS NULL)),
    -- Four eyes, once more where no bug can pass.
    CONSTRAINT approvals_checker_check CHECK (checker <> maker),
    CONSTRAINT approvals_expires_at_check CHECK (expires_at > proposed_at)
);
COMMENT ON TABLE approvals IS 'Proposals of one person that another approves or rejects; only an open decision may be filled in';
-- What waits for a decision, by kind and age.
CREATE INDEX IF NOT EXISTS approvals_pending_idx ON approvals (kind, proposed_at) WHERE state = 'PENDING';

CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE OR REPLACE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE OR REPLACE TRIGGER audit_log_not_emptied BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE OR REPLACE TRIGGER approvals_not_deleted BEFORE DELETE ON approvals
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE OR REPLACE TRIGGER approvals_not_emptied BEFORE TRUNCATE ON approvals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
-- A decision is made once, and what was proposed never changes.
CREATE OR REPLACE TRIGGER approvals_decided_once BEFORE UPDATE ON approvals
    FOR EACH ROW WHEN (
        OLD.state <> 'PENDING' OR (OLD.approval_id, OLD.kind, OLD.subject, OLD.payload, OLD.payload_hash, OLD.maker,
            OLD.reason, OLD.proposed_at, OLD.expires_at)
        IS DISTINCT FROM (NEW.approval_id, NEW.kind, NEW.subject, NEW.payload, NEW.payload_hash, NEW.maker,
            NEW.reason, NEW.proposed_at, NEW.expires_at)
    )
    EXECUTE FUNCTION refuse_rewriting();

GRANT SELECT, INSERT ON audit_log TO {app_role};
GRANT SELECT, UPDATE (sequence, hash) ON audit_head TO {app_role};
GRANT SELECT, INSERT, UPDATE (state, checker, decided_at) ON approvals TO {app_role};

-- The versions of what traffic control lets in.
CREATE TABLE IF NOT EXISTS traffic_limits (
    version bigint NOT NULL,
    -- All limits, not only what changed. Text of our own, read back whole.
    limits jsonb NOT NULL,
    request_id uuid NOT NULL,
    -- First 8 bytes of SHA-256 over the request: the same id with other content is REQUEST_ID_REUSED.
    fingerprint bigint NOT NULL,
    -- The proposal that was approved. NULL where an earlier version's content was brought back.
    approval_id uuid,
    -- Whose content was brought back, 0 for the settings. NULL where a proposal was approved.
    rolled_back_to bigint,
    proposed_by text NOT NULL,
    approved_by text,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT traffic_limits_pkey PRIMARY KEY (version),
    CONSTRAINT traffic_limits_request_id_key UNIQUE (request_id),
    CONSTRAINT traffic_limits_approval_id_key UNIQUE (approval_id),
    CONSTRAINT traffic_limits_version_check CHECK (version > 0),
    CONSTRAINT traffic_limits_origin_check CHECK ((approval_id IS NULL) = (rolled_back_to IS NOT NULL)),
    CONSTRAINT traffic_limits_rolled_back_to_check CHECK (rolled_back_to < version),
    CONSTRAINT traffic_limits_approved_by_check CHECK ((approval_id IS NULL) = (approved_by IS NULL)),
    CONSTRAINT traffic_limits_four_eyes_check CHECK (approved_by <> proposed_by)
);
COMMENT ON TABLE traffic_limits IS 'Each version of the limits, who made it and why; the newest holds. Append-only';

CREATE OR REPLACE TRIGGER traffic_limits_append_only BEFORE UPDATE OR DELETE ON traffic_limits
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE OR REPLACE TRIGGER traffic_limits_not_emptied BEFORE TRUNCATE ON traffic_limits
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

GRANT SELECT, INSERT ON traffic_limits TO {app_role};

-- The keys that seal fields, each wrapped by a key that is not in the database. Destroying a key makes everything that it
-- sealed unreadable, also in backups.
CREATE TABLE IF NOT EXISTS data_keys (
    key_id uuid NOT NULL,
    -- Sealed by the key-encryption key. NULL once destroyed.
    wrapped_key bytea,
    -- Which key-encryption key opens it.
    wrapped_by text NOT NULL,
    -- NEXT: known to all, not used yet. WRITING: seals. OLD: opens what it sealed. DESTROYED: is no more.
    state text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT data_keys_pkey PRIMARY KEY (key_id),
    CONSTRAINT data_keys_state_check CHECK (state IN ('NEXT', 'WRITING', 'OLD', 'DESTROYED')),
    CONSTRAINT data_keys_wrapped_key_check CHECK ((wrapped_key IS NULL) = (state = 'DESTROYED'))
);
COMMENT ON TABLE data_keys IS 'Data keys, wrapped; one seals at a time';
-- One key seals, and one at most is about to. Of two processes that make the first key at once, one finds the other's.
CREATE UNIQUE INDEX IF NOT EXISTS data_keys_one_idx ON data_keys (state) WHERE state IN ('NEXT', 'WRITING');

GRANT SELECT, INSERT, UPDATE (wrapped_key, wrapped_by, state, changed_at) ON data_keys TO {app_role};
