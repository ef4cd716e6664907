-- Chapter four: the business date that postings carry here. Accounting owns it; this row is the copy that every
-- batch reads in its own tx, so that a batch carries exactly one date and a cut-over cannot split it.
CREATE TABLE business_day (
    only_row boolean NOT NULL DEFAULT true,
    business_date date NOT NULL,
    -- The date left last, until accounting was told that all of it is delivered. NULL when nothing is pending.
    closing_date date,
    CONSTRAINT business_day_pkey PRIMARY KEY (only_row),
    CONSTRAINT business_day_only_row_check CHECK (only_row),
    CONSTRAINT business_day_closing_date_check CHECK (closing_date < business_date)
);
COMMENT ON TABLE business_day IS 'One row: which business date new postings carry';

-- What the running service may do: no DDL, nothing append-only may be changed.
GRANT USAGE ON SCHEMA public TO deposit_app;
GRANT SELECT, INSERT, UPDATE ON owners, accounts, holds, business_day TO deposit_app;
GRANT SELECT, INSERT ON outcomes, entries, reversals TO deposit_app;
GRANT USAGE ON SEQUENCE account_serials TO deposit_app;
REVOKE ALL ON FUNCTION ensure_partitions(date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(date, date) TO deposit_app;
