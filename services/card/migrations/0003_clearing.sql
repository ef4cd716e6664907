-- Chapter three: what the scheme clears and settles, and what accounting is told of cards.

-- A clearing file. Nothing of it is posted before all of it is there and its totals agree.
CREATE TABLE clearing_files (
    file_id text NOT NULL,
    clearing_date date,
    received_at timestamptz NOT NULL,
    finished_at timestamptz,
    -- Parts that have been taken.
    parts integer NOT NULL,
    -- Lines that have been taken, header and trailer among them.
    lines integer NOT NULL,
    records integer NOT NULL,
    debit_minor bigint NOT NULL,
    credit_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    -- What its trailer says; NULL before the trailer has come.
    trailer_records integer,
    trailer_debit_minor bigint,
    trailer_credit_minor bigint,
    trailer_fee_minor bigint,
    status text NOT NULL,
    refusal text,
    CONSTRAINT clearing_files_pkey PRIMARY KEY (file_id),
    CONSTRAINT clearing_files_status_check CHECK (status IN ('RECEIVING', 'ACCEPTED', 'REFUSED', 'FINISHED')),
    CONSTRAINT clearing_files_finished_check CHECK ((status = 'FINISHED') = (finished_at IS NOT NULL))
);
COMMENT ON TABLE clearing_files IS 'Clearing files of the scheme, and how far each is';

-- One row per record. The number in it was looked up when it was taken and is not kept.
CREATE TABLE clearing_items (
    item_id uuid NOT NULL,
    -- NULL where the number is none of ours.
    card_id uuid,
    -- What the record says that it clears; whether there is such an authorization is found when it is matched.
    authorization_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    -- What deposit moved, and what the holder owes because it did not; of a refund negative, where it paid what was owed.
    posted_minor bigint NOT NULL DEFAULT 0,
    receivable_minor bigint NOT NULL DEFAULT 0,
    line integer NOT NULL,
    -- How often it was posted: an order of a later attempt is another order.
    attempt integer NOT NULL DEFAULT 0,
    currency char(3) NOT NULL,
    last_four char(4) NOT NULL,
    file_id text NOT NULL,
    scheme_reference text NOT NULL,
    kind text NOT NULL,
    part text NOT NULL,
    status text NOT NULL,
    match text,
    exception text,
    -- Which settlement report has it.
    settled_by text,
    -- Its file was refused as a whole: whoever sends that again sends these references again.
    refused boolean NOT NULL DEFAULT false,
    CONSTRAINT clearing_items_pkey PRIMARY KEY (item_id),
    CONSTRAINT clearing_items_line_key UNIQUE (file_id, line),
    CONSTRAINT clearing_items_file_id_fkey FOREIGN KEY (file_id) REFERENCES clearing_files (file_id),
    CONSTRAINT clearing_items_amount_minor_check CHECK (amount_minor > 0),
    CONSTRAINT clearing_items_posted_minor_check CHECK (posted_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT clearing_items_status_check CHECK (
        status IN ('RECEIVED', 'POSTING', 'POSTED', 'EXCEPTION', 'RETURNED')
    ),
    CONSTRAINT clearing_items_exception_check CHECK (status <> 'EXCEPTION' OR exception IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE clearing_items IS 'Records of clearing files, and what became of each';

-- The scheme clears everything once, whatever file it comes in.
CREATE UNIQUE INDEX clearing_items_scheme_reference_key ON clearing_items (scheme_reference) WHERE NOT refused;

-- Records of one authorization are posted one after the other.
CREATE INDEX clearing_items_posting_idx ON clearing_items (authorization_id) WHERE status = 'POSTING';

-- What is still to be done, and ListClearingExceptions.
CREATE INDEX clearing_items_open_idx ON clearing_items (status, file_id, line)
    WHERE status IN ('RECEIVED', 'POSTING', 'EXCEPTION');

-- What accounting is told of cards, posting by posting. What moves on accounts deposit tells.
CREATE TABLE bookings (
    -- The posting id in accounting.
    booking_id uuid NOT NULL,
    -- NULL where it is about no single card.
    card_id uuid,
    principal_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    business_date date NOT NULL,
    reversal boolean NOT NULL,
    currency char(3) NOT NULL,
    product text NOT NULL,
    -- As accounting's EventKind, without its prefix, such as CARD_RECEIVABLE.
    kind text NOT NULL,
    CONSTRAINT bookings_pkey PRIMARY KEY (booking_id),
    CONSTRAINT bookings_principal_minor_check CHECK (principal_minor >= 0),
    CONSTRAINT bookings_fee_minor_check CHECK (fee_minor >= 0)
);
COMMENT ON TABLE bookings IS 'What accounting is told of cards, posting by posting; append-only';

-- GetDayTotals and the tie-out.
CREATE INDEX bookings_business_date_idx ON bookings (business_date);

CREATE TRIGGER bookings_append_only BEFORE UPDATE OR DELETE ON bookings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bookings_not_emptied BEFORE TRUNCATE ON bookings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clearing_items_not_deleted BEFORE DELETE ON clearing_items
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clearing_items_not_emptied BEFORE TRUNCATE ON clearing_items
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clearing_files_not_deleted BEFORE DELETE ON clearing_files
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What the scheme said it settled: one report for each clearing date and currency.
CREATE TABLE settlement_reports (
    report_id text NOT NULL,
    settlement_date date NOT NULL,
    clearing_date date NOT NULL,
    agreed integer NOT NULL,
    breaks integer NOT NULL,
    -- From this bank to the scheme; negative the other way round.
    net_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    received_at timestamptz NOT NULL,
    currency char(3) NOT NULL,
    CONSTRAINT settlement_reports_pkey PRIMARY KEY (report_id),
    CONSTRAINT settlement_reports_date_key UNIQUE (clearing_date, currency)
);
COMMENT ON TABLE settlement_reports IS 'What the scheme settled; append-only';

-- What the scheme settled and this bank cleared differently, until a person resolves it: ListSettlementBreaks.
CREATE TABLE settlement_breaks (
    break_id uuid NOT NULL,
    -- Negative to the holder's credit; 0 where there is nothing.
    scheme_minor bigint NOT NULL,
    bank_minor bigint NOT NULL,
    found_at timestamptz NOT NULL,
    resolved_at timestamptz,
    currency char(3) NOT NULL,
    report_id text NOT NULL,
    scheme_reference text NOT NULL,
    kind text NOT NULL,
    resolution text,
    reason text,
    CONSTRAINT settlement_breaks_pkey PRIMARY KEY (break_id),
    CONSTRAINT settlement_breaks_report_id_fkey FOREIGN KEY (report_id) REFERENCES settlement_reports (report_id),
    CONSTRAINT settlement_breaks_kind_check CHECK (kind IN ('NOT_CLEARED', 'NOT_SETTLED', 'AMOUNT_DIFFERS')),
    CONSTRAINT settlement_breaks_resolution_check CHECK (resolution IN ('EXPLAINED', 'ADJUSTED')),
    CONSTRAINT settlement_breaks_resolved_check CHECK (
        (resolution IS NULL) = (resolved_at IS NULL) AND (resolution IS NULL) = (reason IS NULL)
    )
);
COMMENT ON TABLE settlement_breaks IS 'What the scheme settled and this bank cleared differently';

-- ListSettlementBreaks: what is open.
CREATE INDEX settlement_breaks_open_idx ON settlement_breaks (break_id) WHERE resolution IS NULL;

CREATE TRIGGER settlement_reports_append_only BEFORE UPDATE OR DELETE ON settlement_reports
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER settlement_reports_not_emptied BEFORE TRUNCATE ON settlement_reports
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
