-- Chapter four: the business date, and the work at its end.

-- The business date that commands are decided on here. Accounting owns it; this row is the copy that every batch reads
-- in its own tx, so that a batch carries exactly one date and a cut-over cannot split it.
CREATE TABLE business_day (
    only_row boolean NOT NULL DEFAULT true,
    business_date date NOT NULL,
    -- The date left last, until accounting was told that all of it is delivered. NULL when nothing is pending.
    closing_date date,
    CONSTRAINT business_day_pkey PRIMARY KEY (only_row),
    CONSTRAINT business_day_only_row_check CHECK (only_row),
    CONSTRAINT business_day_closing_date_check CHECK (closing_date < business_date)
);
COMMENT ON TABLE business_day IS 'One row: which business date commands are decided on';

-- One row per business date whose end of day was asked for. It says how far the work is, in the same tx as the work
-- itself, so that whoever goes on after a crash goes on exactly there.
CREATE TABLE end_of_day (
    business_date date NOT NULL,
    -- Drawn once: the ids of the collections follow from it and the loan, and nobody can guess them.
    run_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- COLLECTING, then CALCULATING, then FINISHED.
    phase text NOT NULL,
    -- The last loan of the running phase that is done; the nil UUID at its beginning.
    after_loan_id uuid NOT NULL,
    -- How many live loans there were when the calculation began; 0 before.
    loans bigint NOT NULL,
    calculated bigint NOT NULL,
    collections bigint NOT NULL,
    collected bigint NOT NULL,
    began_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT end_of_day_pkey PRIMARY KEY (business_date),
    CONSTRAINT end_of_day_phase_check CHECK (phase IN ('COLLECTING', 'CALCULATING', 'FINISHED')),
    CONSTRAINT end_of_day_finished_check CHECK ((phase = 'FINISHED') = (finished_at IS NOT NULL)),
    CONSTRAINT end_of_day_counts_check CHECK (
        loans >= 0 AND calculated >= 0 AND collections >= 0 AND collected BETWEEN 0 AND collections
    )
) WITH (fillfactor = 50);
COMMENT ON TABLE end_of_day IS 'How far the end of each business date is; dates are worked off one after another';

-- What the running service may do: no DDL, nothing append-only may be changed. Instalments are deleted where a schedule
-- becomes shorter; what happened to the loan stays in its entries.
GRANT USAGE ON SCHEMA public TO loan_app;
GRANT SELECT, INSERT, UPDATE ON loans, business_day, end_of_day TO loan_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON instalments TO loan_app;
GRANT SELECT, INSERT, UPDATE (status, moved_minor, refusal, ended_at) ON movements TO loan_app;
GRANT SELECT, INSERT ON outcomes, loan_entries, accruals, quotes TO loan_app;
REVOKE ALL ON FUNCTION ensure_partitions(date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(date, date) TO loan_app;
