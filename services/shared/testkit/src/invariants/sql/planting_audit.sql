-- Eight more records at the end of the chain, as the service would have written them, so that there is something to
-- spoil in any books.
DO $$
DECLARE
    last record;
    this_hash bytea;
    at timestamptz;
BEGIN
    FOR n IN 1..8 LOOP
        SELECT sequence + 1 AS sequence, hash INTO STRICT last FROM audit_head;
        at := date_trunc('milliseconds', clock_timestamp());
        this_hash := sha256(
            'thincore audit record 1'::bytea || last.hash || int8send(last.sequence)
            || int8send((extract(epoch FROM at) * 1000000)::bigint)
            || int8send(9) || 'planter/1'::bytea || int8send(5) || 'PLANT'::bytea
            || int8send(7) || convert_to('plant ' || n, 'UTF8') || int8send(0)
        );
        INSERT INTO audit_log (sequence, recorded_at, actor, action, subject, details, previous_hash, hash)
        VALUES (last.sequence, at, 'planter/1', 'PLANT', 'plant ' || n, '', last.hash, this_hash);
        UPDATE audit_head SET sequence = last.sequence, hash = this_hash;
    END LOOP;
END
$$
