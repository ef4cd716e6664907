-- Chapter one: the books. Everything here is append-only, by grant and by trigger, but for the balances.
--
-- Every money movement of the bank makes one row of journals and two or more of journal_lines, so these two are what
-- accounting costs: rows are narrow, wide columns come first so that nothing is lost to alignment, and there is one
-- B-tree between them. No foreign key ties a line to its journal: checking it costs more than the insert, both come
-- from one value that can only be built whole (domain::BalancedJournal), and the audit proves it (V1).

-- A changed book is a lie, and so is a change that silently does nothing: whoever tries is told.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct by a new posting', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

-- One row per outbox batch of a source that is in the books: its key is what makes delivery exactly-once. A source
-- delivers at least once; the second time finds this row. The date is part of the key only because Postgres wants the
-- partition column in it; a batch is one outbox row, whose date never changes. Partitioned by business date, as a bank
-- at rest delivers almost one batch per posting, and so that a day can be detached with its journals.
CREATE TABLE inbox (
    batch_number bigint NOT NULL,
    -- First 8 bytes of SHA-256 over the batch's events: the same number with other events is BATCH_NUMBER_REUSED.
    fingerprint bigint NOT NULL,
    received_at timestamptz NOT NULL,
    business_date date NOT NULL,
    events integer NOT NULL,
    source text NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (source, batch_number, business_date),
    CONSTRAINT inbox_events_check CHECK (events > 0)
) PARTITION BY RANGE (business_date);
COMMENT ON TABLE inbox IS 'Which outbox batches of which source are in the books; append-only';

-- One row per business event: what was booked, when, and who reported it.
CREATE TABLE journals (
    -- The posting that it books, which is the request id of its source: a journal has no other id.
    journal_id uuid NOT NULL,
    batch_number bigint NOT NULL,
    -- Wall time of the booking in its source.
    booked_at timestamptz NOT NULL,
    business_date date NOT NULL,
    value_date date NOT NULL,
    -- True where it undoes an earlier event: debit and credit have changed places.
    reversal boolean NOT NULL,
    source text NOT NULL,
    event text NOT NULL,
    -- GetJournal; and no posting is booked twice, whatever the inbox says. Ids are UUIDv7, so inserts go to the
    -- right-hand edge. The date is in it because Postgres wants the partition column.
    CONSTRAINT journals_pkey PRIMARY KEY (journal_id, business_date)
) PARTITION BY RANGE (business_date);
COMMENT ON TABLE journals IS 'What was booked: one row per business event; append-only';

-- The lines of the journals: per journal and currency, the D lines sum to what the C lines do.
CREATE TABLE journal_lines (
    journal_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    business_date date NOT NULL,
    -- From 1, in the order of the rule.
    line_no smallint NOT NULL,
    -- D debit (借), C credit (贷).
    side char(1) NOT NULL,
    currency char(3) NOT NULL,
    -- An account of the chart (books/chart.toml).
    gl_account text NOT NULL,
    CONSTRAINT journal_lines_amount_minor_check CHECK (amount_minor > 0),
    CONSTRAINT journal_lines_line_no_check CHECK (line_no > 0),
    CONSTRAINT journal_lines_side_check CHECK (side IN ('D', 'C'))
) PARTITION BY RANGE (business_date);
COMMENT ON TABLE journal_lines IS 'Double entry: the lines of each journal; append-only';

-- GetJournal finds the lines of one journal. A block-range index and no primary key: ids arrive nearly in the order
-- of the pages, so a few pages are read to find them, and an insert costs nothing. A B-tree here cost as much as
-- writing the lines themselves, for a query that is asked rarely. Ranges are summarised when autovacuum passes.
CREATE INDEX journal_lines_journal_id_idx ON journal_lines USING brin (journal_id) WITH (pages_per_range = 16);

-- The general ledger: turnover per account, currency and business date, kept in the tx that writes the lines. The
-- hottest rows of this service, a handful per day: half of each page stays free, so that updates stay on it (HOT).
-- No balance is carried over: while two dates are open, a carried one would be wrong until the first is closed. A
-- balance at a date is the sum of the turnovers up to it, and the key reads them in that order.
CREATE TABLE gl_balances (
    debit_minor bigint NOT NULL,
    credit_minor bigint NOT NULL,
    business_date date NOT NULL,
    currency char(3) NOT NULL,
    gl_account text NOT NULL,
    CONSTRAINT gl_balances_pkey PRIMARY KEY (gl_account, currency, business_date),
    CONSTRAINT gl_balances_debit_minor_check CHECK (debit_minor >= 0),
    CONSTRAINT gl_balances_credit_minor_check CHECK (credit_minor >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE gl_balances IS 'Sum of the journal lines per general-ledger account, currency and business date';

CREATE TRIGGER inbox_append_only BEFORE UPDATE OR DELETE ON inbox
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journals_append_only BEFORE UPDATE OR DELETE ON journals
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_lines_append_only BEFORE UPDATE OR DELETE ON journal_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- TRUNCATE fires no row trigger.
CREATE TRIGGER inbox_not_emptied BEFORE TRUNCATE ON inbox
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journals_not_emptied BEFORE TRUNCATE ON journals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_lines_not_emptied BEFORE TRUNCATE ON journal_lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The runtime role may not run DDL, so it asks this function (owned by the database's owner) for partitions. Call it
-- in a tx of its own: creating a partition waits for everybody who is writing to the table.
CREATE FUNCTION ensure_partitions(first_day date, last_day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    day date;
    parent text;
    name text;
BEGIN
    -- One at a time: two processes that start together must not both create a day.
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOR day IN SELECT generate_series(first_day, last_day, interval '1 day')::date LOOP
        FOREACH parent IN ARRAY ARRAY['inbox', 'journals', 'journal_lines'] LOOP
            name := parent || to_char(day, '"_"YYYYMMDD');
            IF to_regclass(name) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    name, parent, day, day + 1);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- What the running service may do: no DDL; nothing append-only may be changed; of a balance, only the sums.
GRANT USAGE ON SCHEMA public TO accounting_app;
GRANT SELECT, INSERT ON inbox, journals, journal_lines, gl_balances TO accounting_app;
GRANT UPDATE (debit_minor, credit_minor) ON gl_balances TO accounting_app;
REVOKE ALL ON FUNCTION ensure_partitions(date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(date, date) TO accounting_app;
