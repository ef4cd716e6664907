-- Chapter one: whom the bank knows.

-- Append-only tables are defended twice: the service's role has no UPDATE or DELETE on them, and this trigger stops
-- whoever has. It raises, because a change that silently does nothing would be believed.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

-- One row per customer. What would identify a person to whoever reads the disk, a backup or a replica is sealed
-- (AES-256-GCM, bound to this row and column), so no query can search or sort by it. Only the standing ever changes.
CREATE TABLE customers (
    customer_id uuid NOT NULL,
    registered_at timestamptz NOT NULL,
    status_changed_at timestamptz NOT NULL,
    -- Counts the changes, from 1; the row of customer_transitions with this version says how it came about.
    version bigint NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    status_reason text NOT NULL,
    document_kind text NOT NULL,
    document_hash bytea NOT NULL,
    name_encrypted bytea NOT NULL,
    document_number_encrypted bytea NOT NULL,
    -- NULL where the customer gave no phone number.
    phone_encrypted bytea,
    CONSTRAINT customers_pkey PRIMARY KEY (customer_id),
    -- One customer, one document: the digest is of kind and normalised number, under a key that is not in the
    -- database. RegisterCustomer and FindCustomerByDocument look here. Of two processes that register the same
    -- document at once, this makes the second wait, run again, and see the first.
    CONSTRAINT customers_document_hash_key UNIQUE (document_hash),
    CONSTRAINT customers_document_hash_check CHECK (octet_length(document_hash) = 32),
    CONSTRAINT customers_version_check CHECK (version >= 1),
    CONSTRAINT customers_status_changed_at_check CHECK (status_changed_at >= registered_at),
    CONSTRAINT customers_kind_check CHECK (kind IN ('PERSON', 'COMPANY')),
    CONSTRAINT customers_status_check CHECK (status IN ('PENDING', 'ACTIVE', 'FROZEN', 'CLOSED', 'REJECTED')),
    CONSTRAINT customers_status_reason_check CHECK (length(status_reason) <= 200),
    CONSTRAINT customers_document_kind_check
        CHECK (document_kind IN ('IDENTITY_CARD', 'PASSPORT', 'BUSINESS_LICENCE'))
) WITH (fillfactor = 90);
COMMENT ON TABLE customers IS 'Current state of each customer; changed only by the lanes, in the tx that writes the history';
COMMENT ON COLUMN customers.document_hash IS 'HMAC-SHA256 of document kind and normalised number';
COMMENT ON COLUMN customers.status_reason IS 'Reason of the last transition; empty where none was given';

-- How each customer came to stand where it stands: who moved it, why and when. It also lets a repeated request be
-- answered as at first, although the customer has moved on since.
CREATE TABLE customer_transitions (
    customer_id uuid NOT NULL,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    -- 'NONE' for the registration itself.
    from_status text NOT NULL,
    to_status text NOT NULL,
    reason text NOT NULL,
    -- The caller's identity as the platform established it.
    changed_by text NOT NULL,
    CONSTRAINT customer_transitions_pkey PRIMARY KEY (customer_id, version),
    CONSTRAINT customer_transitions_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers,
    -- Exactly the first row is the registration.
    CONSTRAINT customer_transitions_version_check CHECK (version >= 1 AND (version = 1) = (from_status = 'NONE')),
    -- The life cycle once more, where no bug can pass.
    CONSTRAINT customer_transitions_to_status_check CHECK (
        CASE from_status
            WHEN 'NONE' THEN to_status IN ('PENDING', 'ACTIVE')
            WHEN 'PENDING' THEN to_status IN ('ACTIVE', 'REJECTED')
            WHEN 'ACTIVE' THEN to_status IN ('FROZEN', 'CLOSED')
            WHEN 'FROZEN' THEN to_status IN ('ACTIVE', 'CLOSED')
            ELSE false
        END
    )
);
COMMENT ON TABLE customer_transitions IS 'Every step of every customer through the life cycle; append-only';

CREATE TRIGGER customer_transitions_append_only BEFORE UPDATE OR DELETE ON customer_transitions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
-- TRUNCATE fires no row trigger.
CREATE TRIGGER customer_transitions_not_emptied BEFORE TRUNCATE ON customer_transitions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
