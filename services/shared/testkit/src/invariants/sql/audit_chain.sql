-- Each record of the audit log that is not what its hash says, or does not follow from the one before.
WITH records AS (
    SELECT
        sequence,
        hash,
        previous_hash,
        row_number() OVER chain AS place,
        lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER chain AS hash_before,
        sha256(
            'thincore audit record 1'::bytea
            || previous_hash
            || int8send(sequence)
            || int8send((extract(epoch FROM recorded_at) * 1000000)::bigint)
            || int8send(octet_length(actor)) || convert_to(actor, 'UTF8')
            || int8send(octet_length(action)) || convert_to(action, 'UTF8')
            || int8send(octet_length(subject)) || convert_to(subject, 'UTF8')
            || int8send(octet_length(details)) || convert_to(details, 'UTF8')
        ) AS computed
    FROM audit_log
    WINDOW chain AS (ORDER BY sequence)
),
judged AS (
    SELECT
        sequence,
        CASE
            WHEN hash <> computed THEN 'is not what its hash says'
            WHEN sequence <> place THEN 'has a number that does not follow'
            WHEN previous_hash <> hash_before THEN 'does not follow from the record before'
        END AS wrong
    FROM records
)
SELECT sequence, wrong
FROM judged
WHERE wrong IS NOT NULL
ORDER BY sequence
