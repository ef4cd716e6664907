-- Chapter two: what was decided on each request.

-- One row per request id: the outcome, refusals included. The primary key is what makes every call idempotent.
-- Not partitioned, unlike deposit's outcomes: a bank registers thousands of customers a day, not millions, and ids
-- begin with their time, so that inserts go to the right-hand edge of one index either way.
CREATE TABLE requests (
    request_id uuid NOT NULL,
    -- First 8 bytes of an HMAC-SHA256 over the request's content: same id with other content is REQUEST_ID_REUSED.
    -- Keyed, because a plain hash of names and document numbers could be reversed by trying them.
    fingerprint bigint NOT NULL,
    decided_at timestamptz NOT NULL,
    -- The customer registered, moved or only named. NULL where a registration was refused.
    customer_id uuid,
    -- The customer's version after it was done. NULL where refused.
    customer_version bigint,
    kind text NOT NULL,
    -- 'DONE', or the reason of the refusal as docs/reference/errors.md lists it.
    result text NOT NULL,
    -- The status that stood in the way of an ILLEGAL_TRANSITION. NULL for every other result.
    refused_in_status text,
    CONSTRAINT requests_pkey PRIMARY KEY (request_id),
    CONSTRAINT requests_kind_check CHECK (kind IN ('REGISTER', 'ACTIVATE', 'FREEZE', 'REJECT', 'CLOSE')),
    CONSTRAINT requests_customer_id_check CHECK (customer_id IS NOT NULL OR (kind = 'REGISTER' AND result <> 'DONE')),
    CONSTRAINT requests_customer_version_check CHECK ((customer_version IS NOT NULL) = (result = 'DONE')),
    CONSTRAINT requests_refused_in_status_check
        CHECK ((refused_in_status IS NOT NULL) = (result = 'ILLEGAL_TRANSITION'))
);
COMMENT ON TABLE requests IS 'The decision on each request id, done or refused; append-only';

CREATE TRIGGER requests_append_only BEFORE UPDATE OR DELETE ON requests
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER requests_not_emptied BEFORE TRUNCATE ON requests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What the running service may do: no DDL; nothing append-only may be changed; of a customer only the standing may.
GRANT USAGE ON SCHEMA public TO customer_app;
GRANT SELECT, INSERT ON customers, customer_transitions, requests TO customer_app;
GRANT UPDATE (status, status_reason, status_changed_at, version) ON customers TO customer_app;
