-- Chapter three: money that is on its way between a loan and a deposit account, and offers that hold for a while.

-- One row per call to deposit, written before the call in the tx that accepts the request: whatever is cut off after
-- that is found here and finished. It begins PENDING and ends exactly once. Its id is deposit's request id, so asking
-- deposit again moves nothing twice. The caller's request has its outcome only once the movement has ended.
CREATE TABLE movements (
    movement_id uuid NOT NULL,
    -- The request that was accepted; a collection at the end of a day has the movement's own id.
    request_id uuid NOT NULL,
    fingerprint bigint NOT NULL,
    loan_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    account_number bigint NOT NULL,
    -- What was asked for.
    amount_minor bigint NOT NULL,
    -- What has moved; 0 until it has, and where it was refused.
    moved_minor bigint NOT NULL,
    -- The quote that is paid; NULL for the other kinds.
    quote_id uuid,
    accepted_at timestamptz NOT NULL,
    -- NULL while PENDING.
    ended_at timestamptz,
    business_date date NOT NULL,
    value_date date NOT NULL,
    currency char(3) NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    -- Why deposit refused; NULL where it did not.
    refusal text,
    CONSTRAINT movements_pkey PRIMARY KEY (movement_id),
    CONSTRAINT movements_amount_minor_check CHECK (amount_minor > 0),
    CONSTRAINT movements_moved_minor_check CHECK (moved_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT movements_kind_check CHECK (kind IN ('DISBURSEMENT', 'REPAYMENT', 'PREPAYMENT', 'COLLECTION')),
    CONSTRAINT movements_status_check CHECK (status IN ('PENDING', 'DONE', 'REFUSED')),
    CONSTRAINT movements_ended_check CHECK (
        (status = 'PENDING') = (ended_at IS NULL) AND (status = 'REFUSED') = (refusal IS NOT NULL)
        AND (status = 'DONE') = (moved_minor > 0)
    )
) WITH (fillfactor = 80);
COMMENT ON TABLE movements IS 'Money between a loan and a deposit account: accepted, then done or refused';

-- One movement per loan at a time, so that each is decided on what the one before left.
CREATE UNIQUE INDEX movements_pending_key ON movements (loan_id) WHERE status = 'PENDING';

-- A request that is repeated while its money is on its way finds its movement, and no request has two.
CREATE UNIQUE INDEX movements_request_id_key ON movements (request_id);

-- The resolver: what has been on its way for too long, the oldest first.
CREATE INDEX movements_accepted_at_idx ON movements (accepted_at) WHERE status = 'PENDING';

-- What paying back early was said to cost. A quote is never edited: it expires with its date, or once the loan's
-- version has moved on.
CREATE TABLE quotes (
    -- The request id of the QuotePrepayment that made it.
    quote_id uuid NOT NULL,
    loan_id uuid NOT NULL,
    principal_minor bigint NOT NULL,
    interest_minor bigint NOT NULL,
    penalty_minor bigint NOT NULL,
    compound_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    -- The loan's version that it was made for.
    loan_version bigint NOT NULL,
    quoted_at timestamptz NOT NULL,
    valid_through date NOT NULL,
    kind text NOT NULL,
    CONSTRAINT quotes_pkey PRIMARY KEY (quote_id),
    CONSTRAINT quotes_principal_minor_check CHECK (principal_minor > 0),
    CONSTRAINT quotes_kind_check CHECK (kind IN ('FULL', 'SHORTEN_TERM', 'REDUCE_INSTALMENT'))
);
COMMENT ON TABLE quotes IS 'What paying back early costs, until a date; append-only';

CREATE TRIGGER quotes_append_only BEFORE UPDATE OR DELETE ON quotes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER quotes_not_emptied BEFORE TRUNCATE ON quotes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A movement ends once, and only how it ended is filled in.
CREATE FUNCTION refuse_second_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'movement % has ended, or is edited', OLD.movement_id USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER movements_end_once BEFORE UPDATE ON movements
    FOR EACH ROW WHEN (
        OLD.status <> 'PENDING' OR (OLD.movement_id, OLD.request_id, OLD.fingerprint, OLD.loan_id, OLD.customer_id,
            OLD.account_number, OLD.amount_minor, OLD.quote_id, OLD.accepted_at, OLD.business_date, OLD.value_date,
            OLD.currency, OLD.kind)
        IS DISTINCT FROM (NEW.movement_id, NEW.request_id, NEW.fingerprint, NEW.loan_id, NEW.customer_id,
            NEW.account_number, NEW.amount_minor, NEW.quote_id, NEW.accepted_at, NEW.business_date, NEW.value_date,
            NEW.currency, NEW.kind)
    )
    EXECUTE FUNCTION refuse_second_end();
CREATE TRIGGER movements_not_deleted BEFORE DELETE ON movements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER movements_not_emptied BEFORE TRUNCATE ON movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
