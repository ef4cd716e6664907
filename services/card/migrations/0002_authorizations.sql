-- Chapter two: what the scheme asked and was answered, and what deposit is asked because of it.

-- One row per request of the scheme: decision and life in one. Its id is computed from what the message is recognised by,
-- so a repetition and a reversal find it by the primary key; its time is in it, so inserts go to the right-hand edge.
-- A row may be there before its request: FENCED, where a reversal came first.
CREATE TABLE authorizations (
    authorization_id uuid NOT NULL,
    -- Keyed: the request has a card number in it. 0 where the request has not come yet.
    fingerprint bigint NOT NULL,
    -- NULL where the number is none of ours, and where the request has not come.
    card_id uuid,
    customer_id uuid,
    account_number bigint,
    -- NULL where nothing was reserved for it.
    hold_id uuid,
    amount_minor bigint NOT NULL,
    -- How much of it is cleared: what deposit has posted, and what its holder owes because it could not be.
    cleared_minor bigint NOT NULL DEFAULT 0,
    -- How much of what was posted at once, by a 0200 or its completion, the scheme's records have named: so none is taken
    -- for two, and what the scheme has been paid is not given back.
    matched_minor bigint NOT NULL DEFAULT 0,
    -- How much it counts in usage; 0 where it does not count.
    counted_minor bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    -- When it was sent, by the acquirer's clock.
    transmitted_at timestamptz NOT NULL,
    -- When an approval ends that is not cleared; NULL where nothing is reserved.
    expires_at timestamptz,
    business_date date NOT NULL,
    restricted boolean NOT NULL,
    -- Posted at once (0200), not by a clearing file.
    posted_now boolean NOT NULL,
    currency char(3) NOT NULL,
    response_code char(2) NOT NULL,
    merchant_category char(4) NOT NULL,
    approval_code char(6),
    kind text NOT NULL,
    channel text NOT NULL,
    status text NOT NULL,
    acquirer text NOT NULL,
    terminal text NOT NULL,
    retrieval_reference text NOT NULL,
    trace_number text NOT NULL,
    CONSTRAINT authorizations_pkey PRIMARY KEY (authorization_id),
    CONSTRAINT authorizations_amount_minor_check CHECK (amount_minor >= 0),
    CONSTRAINT authorizations_cleared_minor_check CHECK (cleared_minor >= 0),
    CONSTRAINT authorizations_matched_minor_check CHECK (matched_minor >= 0),
    CONSTRAINT authorizations_counted_minor_check CHECK (counted_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT authorizations_kind_check CHECK (
        kind IN ('PURCHASE', 'CASH', 'PREAUTHORIZATION', 'REFUND', 'BALANCE_INQUIRY')
    ),
    CONSTRAINT authorizations_channel_check CHECK (channel IN ('ATM', 'POS', 'ONLINE', 'CONTACTLESS')),
    CONSTRAINT authorizations_status_check CHECK (
        status IN ('APPROVED', 'DECLINED', 'REVERSED', 'FENCED', 'PARTLY_CLEARED', 'CLEARED', 'EXPIRED')
    ),
    CONSTRAINT authorizations_approved_check CHECK ((response_code = '00') = (approval_code IS NOT NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE authorizations IS 'Requests of the scheme, their decision, and what became of each';

-- ListAuthorizations: those of one card, newest first.
CREATE INDEX authorizations_card_id_idx ON authorizations (card_id, authorization_id);

-- The sweep: which of deposit's holds belong to an authorization.
CREATE UNIQUE INDEX authorizations_hold_id_key ON authorizations (hold_id) WHERE hold_id IS NOT NULL;

-- Approvals whose time is up.
CREATE INDEX authorizations_expires_at_idx ON authorizations (expires_at)
    WHERE status IN ('APPROVED', 'PARTLY_CLEARED');

-- What deposit is asked: every call to it but the one that reserves. Written in the tx that decides it, so whatever is cut
-- off after that is found here and finished. An order's id is deposit's request id: asking again moves nothing twice.
CREATE TABLE orders (
    order_id uuid NOT NULL,
    -- Because of which authorization, clearing record, card; NULL where there is none.
    authorization_id uuid,
    item_id uuid,
    card_id uuid,
    customer_id uuid,
    account_number bigint,
    -- What is given back, or taken from first.
    hold_id uuid,
    -- 0 where no money moves.
    amount_minor bigint NOT NULL,
    -- What has moved; 0 until it has.
    moved_minor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    -- NULL while PENDING.
    ended_at timestamptz,
    business_date date NOT NULL,
    -- What is left of the hold stays reserved.
    keep_remainder boolean NOT NULL,
    currency char(3) NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    -- Why deposit refused; NULL where it did not.
    refusal text,
    -- Of the request that gave it, as W3C writes it; empty where none did.
    traceparent text NOT NULL DEFAULT '',
    CONSTRAINT orders_pkey PRIMARY KEY (order_id),
    CONSTRAINT orders_amount_minor_check CHECK (amount_minor >= 0 AND (kind = 'RELEASE') = (amount_minor = 0)),
    CONSTRAINT orders_moved_minor_check CHECK (moved_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT orders_kind_check CHECK (kind IN ('RELEASE', 'DEBIT', 'CREDIT', 'COLLECT')),
    CONSTRAINT orders_status_check CHECK (status IN ('PENDING', 'DONE', 'REFUSED')),
    CONSTRAINT orders_ended_check CHECK (
        (status = 'PENDING') = (ended_at IS NULL) AND (status = 'REFUSED') = (refusal IS NOT NULL)
    )
) WITH (fillfactor = 80);
COMMENT ON TABLE orders IS 'What deposit is asked for cards: pending, then done or refused';

-- The resolver: what is pending, the oldest first.
CREATE INDEX orders_created_at_idx ON orders (created_at) WHERE status = 'PENDING';

-- What a reversal finds of its authorization.
CREATE INDEX orders_authorization_id_idx ON orders (authorization_id) WHERE authorization_id IS NOT NULL;

-- Until when deposit's holds have been compared with authorizations: one that is reserved and has none, because the service
-- died in between, is given back.
CREATE TABLE sweeps (
    only_row boolean NOT NULL DEFAULT true,
    swept_until timestamptz NOT NULL,
    CONSTRAINT sweeps_pkey PRIMARY KEY (only_row),
    CONSTRAINT sweeps_only_row_check CHECK (only_row)
);
COMMENT ON TABLE sweeps IS 'One row: until when holds have been compared with authorizations';
INSERT INTO sweeps (swept_until) VALUES (clock_timestamp());

-- The business date: the copy of accounting's that every batch reads in its own tx.
CREATE TABLE business_day (
    only_row boolean NOT NULL DEFAULT true,
    business_date date NOT NULL,
    -- The date left last, until accounting was told that all of it is delivered. NULL when nothing is pending.
    closing_date date,
    CONSTRAINT business_day_pkey PRIMARY KEY (only_row),
    CONSTRAINT business_day_only_row_check CHECK (only_row),
    CONSTRAINT business_day_closing_date_check CHECK (closing_date < business_date)
);
COMMENT ON TABLE business_day IS 'One row: the business date that decisions are made on';

CREATE TRIGGER authorizations_not_deleted BEFORE DELETE ON authorizations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER authorizations_not_emptied BEFORE TRUNCATE ON authorizations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was decided stays as it was decided; how far it is cleared is filled in.
CREATE FUNCTION refuse_new_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'authorization % is decided', OLD.authorization_id USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER authorizations_decided_once BEFORE UPDATE ON authorizations
    FOR EACH ROW WHEN (
        (OLD.authorization_id, OLD.card_id, OLD.hold_id, OLD.amount_minor, OLD.decided_at, OLD.business_date,
            OLD.response_code, OLD.counted_minor, OLD.kind, OLD.channel)
        IS DISTINCT FROM (NEW.authorization_id, NEW.card_id, NEW.hold_id, NEW.amount_minor, NEW.decided_at,
            NEW.business_date, NEW.response_code, NEW.counted_minor, NEW.kind, NEW.channel)
    )
    EXECUTE FUNCTION refuse_new_decision();

-- An order ends once, and only how it ended is filled in.
CREATE FUNCTION refuse_second_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % has ended, or is edited', OLD.order_id USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER orders_end_once BEFORE UPDATE ON orders
    FOR EACH ROW WHEN (
        OLD.status <> 'PENDING' OR (OLD.order_id, OLD.authorization_id, OLD.item_id, OLD.card_id, OLD.customer_id,
            OLD.account_number, OLD.hold_id, OLD.amount_minor, OLD.created_at, OLD.business_date, OLD.currency, OLD.kind)
        IS DISTINCT FROM (NEW.order_id, NEW.authorization_id, NEW.item_id, NEW.card_id, NEW.customer_id,
            NEW.account_number, NEW.hold_id, NEW.amount_minor, NEW.created_at, NEW.business_date, NEW.currency, NEW.kind)
    )
    EXECUTE FUNCTION refuse_second_end();
CREATE TRIGGER orders_not_deleted BEFORE DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER orders_not_emptied BEFORE TRUNCATE ON orders
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The collection of what a holder owes: at most one order a business date.
CREATE UNIQUE INDEX orders_collect_key ON orders (card_id, business_date) WHERE kind = 'COLLECT';
