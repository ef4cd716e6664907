-- What whoever owns the database would do after a change: compute every hash anew, and the head.
DO $$
DECLARE
    before bytea := decode(repeat('00', 32), 'hex');
    one record;
BEGIN
    FOR one IN SELECT * FROM audit_log ORDER BY sequence LOOP
        UPDATE audit_log SET previous_hash = before, hash = sha256(
            'thincore audit record 1'::bytea || before || int8send(one.sequence)
            || int8send((extract(epoch FROM one.recorded_at) * 1000000)::bigint)
            || int8send(octet_length(one.actor)) || convert_to(one.actor, 'UTF8')
            || int8send(octet_length(one.action)) || convert_to(one.action, 'UTF8')
            || int8send(octet_length(one.subject)) || convert_to(one.subject, 'UTF8')
            || int8send(octet_length(one.details)) || convert_to(one.details, 'UTF8')
        )
        WHERE sequence = one.sequence
        RETURNING hash INTO before;
        UPDATE audit_head SET sequence = one.sequence, hash = before;
    END LOOP;
END
$$
