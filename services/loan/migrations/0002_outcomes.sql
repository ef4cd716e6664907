-- Chapter two: what the bank decided, and what happened to each loan. Everything here is append-only, by grant and by
-- trigger.

-- One row per request id: the outcome, refusals included. The primary key is what makes every call idempotent. A
-- request that moves money has its row only once the money has moved or certainly will not (see movements).
-- Request ids are UUIDv7, so they begin with their time: the table is partitioned by day of the id, inserts go to
-- the right-hand edge of one index, and a day outside the retention window is detached whole.
CREATE TABLE outcomes (
    request_id uuid NOT NULL,
    -- First 8 bytes of SHA-256 over the request's content: same id with other content is REQUEST_ID_REUSED.
    fingerprint bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    -- NULL where the request names no such loan, or is not about one.
    loan_id uuid,
    -- The quote made or used, the movement, or the proposal; NULL for the other kinds.
    subject_id uuid,
    -- 0 where the request has no amount. What has moved, where less moved than was asked for.
    amount_minor bigint NOT NULL,
    business_date date NOT NULL,
    currency char(3) NOT NULL,
    kind text NOT NULL,
    -- 'DONE', or the reason of the refusal as docs/reference/errors.md lists it.
    result text NOT NULL,
    CONSTRAINT outcomes_pkey PRIMARY KEY (request_id),
    CONSTRAINT outcomes_amount_minor_check CHECK (amount_minor >= 0)
) PARTITION BY RANGE (request_id);
COMMENT ON TABLE outcomes IS 'The bank''s decision on each request id, done or refused; append-only';

-- One row per thing that happened to a loan: the parts that moved and the principal that was left. (loan_id, sequence)
-- is gapless per loan. Daily accrual is not in it: it is in accruals, summed over the loans of a product.
CREATE TABLE loan_entries (
    loan_id uuid NOT NULL,
    sequence bigint NOT NULL,
    principal_minor bigint NOT NULL,
    interest_minor bigint NOT NULL,
    penalty_minor bigint NOT NULL,
    compound_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    principal_after_minor bigint NOT NULL,
    -- The request that caused it; NULL where the end of a day did.
    request_id uuid,
    -- The posting in deposit that moved the money; NULL where none did.
    deposit_posting_id uuid,
    booked_at timestamptz NOT NULL,
    business_date date NOT NULL,
    value_date date NOT NULL,
    kind text NOT NULL,
    -- ListLoanEntries (newest first) and the audit read in this order.
    CONSTRAINT loan_entries_pkey PRIMARY KEY (loan_id, sequence),
    CONSTRAINT loan_entries_sequence_check CHECK (sequence > 0),
    CONSTRAINT loan_entries_principal_after_minor_check CHECK (principal_after_minor >= 0)
);
COMMENT ON TABLE loan_entries IS 'What happened to each loan; append-only; outstanding principal follows from it';

-- One row per posting that accounting is told of. What the end of a day calculates, which is nearly everything, is
-- summed over the loans of a batch, one row for each product, currency and kind; a single loan's share follows from its
-- row and its schedule. What happens to one loan names it.
CREATE TABLE accruals (
    -- The posting id in accounting.
    accrual_id uuid NOT NULL,
    -- NULL where it is a sum over many.
    loan_id uuid,
    principal_minor bigint NOT NULL,
    interest_minor bigint NOT NULL,
    penalty_minor bigint NOT NULL,
    compound_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    provision_minor bigint NOT NULL,
    -- The date on which it is booked.
    business_date date NOT NULL,
    -- The date that it counts for.
    value_date date NOT NULL,
    -- Undoes events of the same kind.
    reversal boolean NOT NULL,
    currency char(3) NOT NULL,
    product text NOT NULL,
    -- As accounting's EventKind, without its prefix, such as LOAN_INTEREST_ACCRUED.
    kind text NOT NULL,
    CONSTRAINT accruals_pkey PRIMARY KEY (accrual_id)
);
COMMENT ON TABLE accruals IS 'What accounting is told, posting by posting; append-only';

-- GetDayTotals and the tie-out: what was booked on one date. Dates only grow, so inserts go to the right-hand edge.
CREATE INDEX accruals_business_date_idx ON accruals (business_date);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct by a new entry', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER outcomes_append_only BEFORE UPDATE OR DELETE ON outcomes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER loan_entries_append_only BEFORE UPDATE OR DELETE ON loan_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accruals_append_only BEFORE UPDATE OR DELETE ON accruals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- TRUNCATE fires no row trigger.
CREATE TRIGGER outcomes_not_emptied BEFORE TRUNCATE ON outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER loan_entries_not_emptied BEFORE TRUNCATE ON loan_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accruals_not_emptied BEFORE TRUNCATE ON accruals
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
        name := 'outcomes' || to_char(day, '"_"YYYYMMDD');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF outcomes FOR VALUES FROM (%L) TO (%L)',
                name, uuid_of_day(day), uuid_of_day(day + 1));
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION uuid_of_day(day date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
