-- Chapter one: the cards, what they may be used for, and what they were used for.

-- One row per card: its current state. Its number is here only sealed (AES-256-GCM, the row's id as associated data), and
-- as a keyed digest by which it is found. What checks a PIN is sealed too; the PIN itself is nowhere.
CREATE TABLE cards (
    card_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    account_number bigint NOT NULL,
    -- What its holder owes because a clearing could not be taken from the account.
    receivable_minor bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    -- The last day on which it can be used.
    expires_on date NOT NULL,
    -- Grows with each PIN: a PIN that was checked against an older one was not checked.
    pin_version integer NOT NULL DEFAULT 0,
    -- Which plastic of this number, from 1.
    sequence_number smallint NOT NULL DEFAULT 1,
    wrong_pins smallint NOT NULL DEFAULT 0,
    atm boolean NOT NULL,
    pos boolean NOT NULL,
    online boolean NOT NULL,
    contactless boolean NOT NULL,
    abroad boolean NOT NULL,
    -- The card that took its place.
    replaced_by uuid,
    currency char(3) NOT NULL,
    last_four char(4) NOT NULL,
    product text NOT NULL,
    status text NOT NULL,
    pan_digest bytea NOT NULL,
    pan_sealed bytea NOT NULL,
    pin_sealed bytea,
    CONSTRAINT cards_pkey PRIMARY KEY (card_id),
    -- What the scheme names a card by; and no number is issued twice.
    CONSTRAINT cards_pan_digest_key UNIQUE (pan_digest),
    CONSTRAINT cards_receivable_minor_check CHECK (receivable_minor >= 0),
    CONSTRAINT cards_wrong_pins_check CHECK (wrong_pins BETWEEN 0 AND 3),
    CONSTRAINT cards_pan_digest_check CHECK (octet_length(pan_digest) = 32),
    CONSTRAINT cards_status_check CHECK (
        status IN ('INACTIVE', 'ACTIVE', 'BLOCKED', 'LOST', 'STOLEN', 'EXPIRED', 'CANCELLED')
    )
) WITH (fillfactor = 80);
COMMENT ON TABLE cards IS 'Debit cards: the current state of each';

-- ListCards: the cards of one customer.
CREATE INDEX cards_customer_id_idx ON cards (customer_id, card_id);

-- Cards that pass their expiry.
CREATE INDEX cards_expires_on_idx ON cards (expires_on) WHERE status IN ('INACTIVE', 'ACTIVE', 'BLOCKED');

-- The collection of what holders owe.
CREATE INDEX cards_receivable_idx ON cards (card_id) WHERE receivable_minor > 0;

-- Where the serials of card numbers come from. A serial that is drawn and not used is lost, which is harmless.
CREATE SEQUENCE card_serials MINVALUE 0;

-- The limits that holders set for themselves; where there is no row, or NULL, the product's hold.
CREATE TABLE card_limits (
    card_id uuid NOT NULL,
    transaction_minor bigint,
    day_minor bigint,
    month_minor bigint,
    day_count integer,
    bucket text NOT NULL,
    CONSTRAINT card_limits_pkey PRIMARY KEY (card_id, bucket),
    CONSTRAINT card_limits_bucket_check CHECK (
        bucket IN ('ALL', 'ATM', 'POS', 'ONLINE', 'CONTACTLESS', 'RESTRICTED_MERCHANTS')
    ),
    CONSTRAINT card_limits_values_check CHECK (
        transaction_minor >= 0 AND day_minor >= 0 AND month_minor >= 0 AND day_count >= 0
    )
);
COMMENT ON TABLE card_limits IS 'Limits that holders set below those of the product';

-- What each card was used for: of the last business date on which it was used, and that date's month. Everything is the
-- sum over the four channels; RESTRICTED_MERCHANTS counts on top. It follows from the authorizations.
CREATE TABLE usage (
    card_id uuid NOT NULL,
    day_minor bigint NOT NULL,
    month_minor bigint NOT NULL,
    day_count integer NOT NULL,
    month_count integer NOT NULL,
    day date NOT NULL,
    -- Its first day.
    month date NOT NULL,
    bucket text NOT NULL,
    CONSTRAINT usage_pkey PRIMARY KEY (card_id, bucket),
    CONSTRAINT usage_bucket_check CHECK (
        bucket IN ('ATM', 'POS', 'ONLINE', 'CONTACTLESS', 'RESTRICTED_MERCHANTS')
    ),
    CONSTRAINT usage_counters_check CHECK (
        day_minor >= 0 AND day_count >= 0 AND month_minor >= day_minor AND month_count >= day_count
    )
) WITH (fillfactor = 70);
COMMENT ON TABLE usage IS 'What each card was used for, by bucket, on its last date and in its last month';

-- One row per request id of everything but authorizations, which are their own outcome. Append-only; the primary key is
-- what makes every call idempotent. Partitioned by day of the id, as in the other services.
CREATE TABLE outcomes (
    request_id uuid NOT NULL,
    -- Stands for the request's content; keyed where that has a card number in it.
    fingerprint bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    -- NULL where the request names no such card, or is not about one.
    card_id uuid,
    -- The authorization, the new card, the clearing record or the break that it was about.
    subject_id uuid,
    business_date date NOT NULL,
    kind text NOT NULL,
    -- 'DONE', or the reason of the refusal as docs/reference/errors.md lists it.
    result text NOT NULL,
    CONSTRAINT outcomes_pkey PRIMARY KEY (request_id)
) PARTITION BY RANGE (request_id);
COMMENT ON TABLE outcomes IS 'The bank''s decision on each request id, done or refused; append-only';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct by a new entry', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER outcomes_append_only BEFORE UPDATE OR DELETE ON outcomes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- TRUNCATE fires no row trigger.
CREATE TRIGGER outcomes_not_emptied BEFORE TRUNCATE ON outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cards_not_deleted BEFORE DELETE ON cards
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cards_not_emptied BEFORE TRUNCATE ON cards
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
