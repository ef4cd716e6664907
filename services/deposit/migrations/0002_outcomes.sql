-- Chapter two: what the bank decided. Everything here is append-only, by grant and by trigger.

-- One row per request id: the outcome, refusals included. The primary key is what makes every call idempotent.
-- Request ids are UUIDv7, so they begin with their time: the table is partitioned by day of the id, inserts go to
-- the right-hand edge of one index, and a day outside the retention window is detached whole.
CREATE TABLE outcomes (
    request_id uuid NOT NULL,
    -- First 8 bytes of SHA-256 over the request's content: same id with other content is REQUEST_ID_REUSED.
    fingerprint bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    -- NULL where the request names no such account.
    debit_account bigint,
    credit_account bigint,
    -- 0 where the request has no amount.
    amount_minor bigint NOT NULL,
    -- The hold captured or released, or the posting reversed; NULL for the other kinds.
    subject_id uuid,
    business_date date NOT NULL,
    currency char(3) NOT NULL,
    kind text NOT NULL,
    -- 'POSTED', or the reason of the refusal as docs/reference/errors.md lists it.
    result text NOT NULL,
    CONSTRAINT outcomes_pkey PRIMARY KEY (request_id),
    CONSTRAINT outcomes_amount_minor_check CHECK (amount_minor >= 0)
) PARTITION BY RANGE (request_id);
COMMENT ON TABLE outcomes IS 'The bank''s decision on each request id, posted or refused; append-only';

-- One row per movement on one account: signed amount and the balance it left. (account_number, sequence) is
-- gapless per account. Partitioned by business date so that a day can be detached. The date is part of the key
-- only because Postgres wants the partition column in it.
CREATE TABLE entries (
    account_number bigint NOT NULL,
    sequence bigint NOT NULL,
    amount_minor bigint NOT NULL,
    balance_after_minor bigint NOT NULL,
    request_id uuid NOT NULL,
    business_date date NOT NULL,
    -- ListEntries (the statement, newest first) and the audit read in this order.
    CONSTRAINT entries_pkey PRIMARY KEY (account_number, sequence, business_date),
    CONSTRAINT entries_amount_minor_check CHECK (amount_minor <> 0)
) PARTITION BY RANGE (business_date);
COMMENT ON TABLE entries IS 'Every movement on every account; append-only; balance = sum of entries';

-- Which postings have been undone. A row is the right to reverse: its key lets no posting be reversed twice.
CREATE TABLE reversals (
    posting_id uuid NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT reversals_pkey PRIMARY KEY (posting_id)
);
COMMENT ON TABLE reversals IS 'Which posting was undone by which request; append-only';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct by a new posting', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER outcomes_append_only BEFORE UPDATE OR DELETE ON outcomes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reversals_append_only BEFORE UPDATE OR DELETE ON reversals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- TRUNCATE fires no row trigger.
CREATE TRIGGER outcomes_not_emptied BEFORE TRUNCATE ON outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_not_emptied BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reversals_not_emptied BEFORE TRUNCATE ON reversals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The runtime role may not run DDL, so it asks this function (owned by the database's owner) for partitions.
-- Boundaries of outcomes are the smallest UUIDv7 of each day: 48 bits of milliseconds, then zeros. Call it in a tx of
-- its own: creating a partition waits for everybody who is writing to the table.
CREATE FUNCTION ensure_partitions(first_day date, last_day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    day date;
    name text;
BEGIN
    -- One at a time: two services that start together must not both create a day.
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOR day IN SELECT generate_series(first_day, last_day, interval '1 day')::date LOOP
        name := to_char(day, '"_"YYYYMMDD');
        IF to_regclass('outcomes' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF outcomes FOR VALUES FROM (%L) TO (%L)',
                'outcomes' || name, uuid_of_day(day), uuid_of_day(day + 1));
        END IF;
        IF to_regclass('entries' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF entries FOR VALUES FROM (%L) TO (%L)',
                'entries' || name, day, day + 1);
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION uuid_of_day(day date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
