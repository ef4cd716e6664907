-- Every movement that is done against what the loan's entries say of it: one entry names it, and its parts come to what
-- has moved. One row per movement that disagrees.
WITH entries AS (
    SELECT
        deposit_posting_id AS movement_id,
        count(*) AS entries,
        sum(principal_minor + interest_minor + penalty_minor + compound_minor + fee_minor) AS amount_minor
    FROM loan_entries
    WHERE deposit_posting_id IS NOT NULL
    GROUP BY deposit_posting_id
),
done AS (
    SELECT movement_id, moved_minor
    FROM movements
    WHERE status = 'DONE'
)
SELECT
    coalesce(done.movement_id, entries.movement_id) AS movement_id,
    coalesce(done.moved_minor, 0) AS moved_minor,
    coalesce(entries.entries, 0) AS entries,
    coalesce(entries.amount_minor, 0)::text AS amount_minor
FROM done
FULL JOIN entries ON entries.movement_id = done.movement_id
WHERE
    done.movement_id IS NULL
    OR entries.movement_id IS NULL
    OR entries.entries <> 1
    OR entries.amount_minor <> done.moved_minor
ORDER BY 1
