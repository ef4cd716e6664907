-- Chapter one: what was lent, and what is owed on it.

-- One row per loan, from the application on. The end of each day rewrites a column or two of every live row, so the
-- row is narrow, keeps what most days need (no instalment is read on a common day), has no index over a column that
-- changes, and leaves a good part of each page free: updates stay on their page (HOT) and write to no index.
CREATE TABLE loans (
    loan_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    account_number bigint NOT NULL,
    amount_minor bigint NOT NULL,
    disbursed_minor bigint NOT NULL,
    principal_minor bigint NOT NULL,
    period_interest_minor bigint NOT NULL,
    period_carried_minor bigint NOT NULL,
    period_accrued_minor bigint NOT NULL,
    receivable_minor bigint NOT NULL,
    memo_minor bigint NOT NULL,
    provision_minor bigint NOT NULL,
    last_sequence bigint NOT NULL,
    version bigint NOT NULL,
    applied_at timestamptz NOT NULL,
    rate_ppm integer NOT NULL,
    term_months integer NOT NULL,
    due_day integer NOT NULL,
    days_overdue integer NOT NULL,
    -- NULL before the first payment to the borrower, as are the next four.
    disbursed_on date,
    calculated_through date,
    -- The running period, or the stretch of it since the principal last changed; NULL where none runs.
    period_start_on date,
    next_due_on date,
    non_accrual boolean NOT NULL,
    currency char(3) NOT NULL,
    product text NOT NULL,
    status text NOT NULL,
    category text NOT NULL,
    category_floor text NOT NULL,
    applied_by text NOT NULL,
    application_hash bytea NOT NULL,
    CONSTRAINT loans_pkey PRIMARY KEY (loan_id),
    CONSTRAINT loans_amount_minor_check CHECK (amount_minor > 0),
    CONSTRAINT loans_disbursed_minor_check CHECK (disbursed_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT loans_principal_minor_check CHECK (principal_minor BETWEEN 0 AND disbursed_minor),
    CONSTRAINT loans_receivable_minor_check CHECK (receivable_minor >= 0),
    CONSTRAINT loans_memo_minor_check CHECK (memo_minor >= 0),
    CONSTRAINT loans_provision_minor_check CHECK (provision_minor >= 0),
    CONSTRAINT loans_last_sequence_check CHECK (last_sequence >= 0),
    CONSTRAINT loans_term_months_check CHECK (term_months BETWEEN 1 AND 480),
    CONSTRAINT loans_due_day_check CHECK (due_day BETWEEN 1 AND 31),
    CONSTRAINT loans_days_overdue_check CHECK (days_overdue >= 0),
    CONSTRAINT loans_status_check CHECK (
        status IN ('APPLIED', 'DECLINED', 'APPROVED', 'ACTIVE', 'SETTLED', 'WRITTEN_OFF', 'RECOVERED')
    ),
    CONSTRAINT loans_category_check CHECK (
        category IN ('NORMAL', 'SPECIAL_MENTION', 'SUBSTANDARD', 'DOUBTFUL', 'LOSS')
    ),
    CONSTRAINT loans_category_floor_check CHECK (
        category_floor IN ('NORMAL', 'SPECIAL_MENTION', 'SUBSTANDARD', 'DOUBTFUL', 'LOSS')
    ),
    CONSTRAINT loans_application_hash_check CHECK (octet_length(application_hash) = 32)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
COMMENT ON TABLE loans IS 'Current state of each loan; changed by the lanes and by the end of day, under the row''s lock';
COMMENT ON COLUMN loans.account_number IS 'The deposit account it is paid out to and collected from';
COMMENT ON COLUMN loans.principal_minor IS 'Outstanding principal; after a write-off it is off the books and still counts down here';
COMMENT ON COLUMN loans.period_carried_minor IS 'What had accrued before period_start_on; 0 unless the principal changed within the period';
COMMENT ON COLUMN loans.period_accrued_minor IS 'Interest of the running period that is accrued, on the books or not';
COMMENT ON COLUMN loans.receivable_minor IS 'Interest, penalty and compound interest accrued, unpaid and on the books: GL 1132';
COMMENT ON COLUMN loans.memo_minor IS 'The same, kept off the books';
COMMENT ON COLUMN loans.category_floor IS 'The best category it may have: set by hand, NORMAL where it is not';
COMMENT ON COLUMN loans.calculated_through IS 'The last date whose end of day is in this row';
COMMENT ON COLUMN loans.last_sequence IS 'Sequence of the latest entry; 0 before the first';

-- ListLoans: the loans of one customer, the oldest first (ids are UUIDv7).
CREATE INDEX loans_customer_id_idx ON loans (customer_id, loan_id);

-- The schedule: what is due when, and what has become of it. A further payment to the borrower, a prepayment and a new
-- rate rewrite the part that has not begun; what was due stays.
CREATE TABLE instalments (
    loan_id uuid NOT NULL,
    number integer NOT NULL,
    period_start_on date NOT NULL,
    due_on date NOT NULL,
    principal_minor bigint NOT NULL,
    interest_minor bigint NOT NULL,
    rate_ppm integer NOT NULL,
    principal_paid_minor bigint NOT NULL,
    interest_paid_minor bigint NOT NULL,
    -- Late money times days: kept exactly, so that penalty is rounded once and not every day.
    penalty_product bigint NOT NULL,
    compound_product bigint NOT NULL,
    penalty_booked_minor bigint NOT NULL,
    penalty_paid_minor bigint NOT NULL,
    compound_booked_minor bigint NOT NULL,
    compound_paid_minor bigint NOT NULL,
    CONSTRAINT instalments_pkey PRIMARY KEY (loan_id, number),
    CONSTRAINT instalments_number_check CHECK (number > 0),
    CONSTRAINT instalments_due_on_check CHECK (due_on > period_start_on),
    CONSTRAINT instalments_principal_check CHECK (principal_paid_minor BETWEEN 0 AND principal_minor),
    CONSTRAINT instalments_interest_check CHECK (interest_paid_minor BETWEEN 0 AND interest_minor),
    CONSTRAINT instalments_penalty_check CHECK (penalty_paid_minor BETWEEN 0 AND penalty_booked_minor),
    CONSTRAINT instalments_compound_check CHECK (compound_paid_minor BETWEEN 0 AND compound_booked_minor),
    CONSTRAINT instalments_products_check CHECK (penalty_product >= 0 AND compound_product >= 0)
) WITH (fillfactor = 80);
COMMENT ON TABLE instalments IS 'The schedule of each loan, and what of it is paid';
COMMENT ON COLUMN instalments.penalty_product IS 'Sum of unpaid principal in minor units times days late';
COMMENT ON COLUMN instalments.compound_product IS 'Sum of unpaid interest in minor units times days late';
