-- Chapter four: what was decided on requests about changes stands beside what was decided on all others, so that an id has
-- one outcome for ever, whatever it was used for.
ALTER TABLE requests
    DROP CONSTRAINT requests_kind_check,
    DROP CONSTRAINT requests_customer_id_check,
    DROP CONSTRAINT requests_customer_version_check,
    ADD CONSTRAINT requests_kind_check CHECK (
        kind IN ('REGISTER', 'ACTIVATE', 'FREEZE', 'REJECT', 'CLOSE', 'PROPOSE_CHANGE', 'DECIDE_CHANGE')
    ),
    -- What is refused may name a customer who is not there yet, or a proposal that is not.
    ADD CONSTRAINT requests_customer_id_check
        CHECK (customer_id IS NOT NULL OR (kind IN ('REGISTER', 'DECIDE_CHANGE') AND result <> 'DONE')),
    -- Versions count steps through the life cycle; a change of details is none.
    ADD CONSTRAINT requests_customer_version_check CHECK (
        (customer_version IS NOT NULL) = (result = 'DONE' AND kind NOT IN ('PROPOSE_CHANGE', 'DECIDE_CHANGE'))
    );
