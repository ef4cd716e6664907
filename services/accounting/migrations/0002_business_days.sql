-- Chapter two: the bank's business date. Postings carry it; the clock does not move it.

-- One row per business date, ever. OPEN takes postings and is what new ones carry; CLOSING was cut over and still
-- takes the last ones that its sources deliver; CLOSED takes none. Booking locks the dates of its batches FOR SHARE
-- and closing updates the row, so a date cannot close under a batch that is being booked.
CREATE TABLE business_days (
    business_date date NOT NULL,
    opened_at timestamptz NOT NULL,
    -- NULL until it is closed.
    closed_at timestamptz,
    status text NOT NULL,
    CONSTRAINT business_days_pkey PRIMARY KEY (business_date),
    CONSTRAINT business_days_status_check CHECK (status IN ('OPEN', 'CLOSING', 'CLOSED')),
    CONSTRAINT business_days_closed_at_check CHECK ((closed_at IS NOT NULL) = (status = 'CLOSED'))
) WITH (fillfactor = 80);
COMMENT ON TABLE business_days IS 'Every business date and whether it still takes postings';

-- At most one OPEN and one CLOSING date, where no bug can pass; GetBusinessDate reads these two.
CREATE UNIQUE INDEX business_days_status_key ON business_days (status) WHERE status IN ('OPEN', 'CLOSING');

-- Which source has said that it delivered everything of a date. When all have, the date is closed.
CREATE TABLE cut_over_confirmations (
    business_date date NOT NULL,
    confirmed_at timestamptz NOT NULL,
    source text NOT NULL,
    CONSTRAINT cut_over_confirmations_pkey PRIMARY KEY (business_date, source),
    CONSTRAINT cut_over_confirmations_business_date_fkey FOREIGN KEY (business_date) REFERENCES business_days
);
COMMENT ON TABLE cut_over_confirmations IS 'Which source has finished which business date; append-only';

-- One row per request id of CutOver and ConfirmCutOver: the outcome, refusals included, so that a repeated order gets
-- the first answer and cannot skip a day. (Event batches have the inbox for that.)
CREATE TABLE requests (
    request_id uuid NOT NULL,
    -- First 8 bytes of SHA-256 over the request's content: same id with other content is REQUEST_ID_REUSED.
    fingerprint bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    -- CUT_OVER: the date that became current; CONFIRM: the date confirmed. NULL where refused.
    business_date date,
    kind text NOT NULL,
    -- DONE; CLOSED where a confirmation was the last one; or the reason of the refusal, as the error reference lists it.
    result text NOT NULL,
    CONSTRAINT requests_pkey PRIMARY KEY (request_id),
    CONSTRAINT requests_kind_check CHECK (kind IN ('CUT_OVER', 'CONFIRM')),
    CONSTRAINT requests_business_date_check CHECK ((business_date IS NOT NULL) = (result IN ('DONE', 'CLOSED')))
);
COMMENT ON TABLE requests IS 'The decision on each cut-over and confirmation, done or refused; append-only';

CREATE TRIGGER cut_over_confirmations_append_only BEFORE UPDATE OR DELETE ON cut_over_confirmations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cut_over_confirmations_not_emptied BEFORE TRUNCATE ON cut_over_confirmations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER requests_append_only BEFORE UPDATE OR DELETE ON requests
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER requests_not_emptied BEFORE TRUNCATE ON requests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON business_days, cut_over_confirmations, requests TO accounting_app;
GRANT UPDATE (status, closed_at) ON business_days TO accounting_app;
