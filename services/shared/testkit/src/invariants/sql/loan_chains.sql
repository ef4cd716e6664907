-- Every loan against its entries, in one pass: the sequence runs 1, 2, 3, ... without a gap, each principal_after follows
-- from the one before, the last of them is what the loan says is outstanding, and what was paid out is what it says was.
-- One row per loan that disagrees.
WITH steps AS (
    SELECT
        loan_id,
        sequence,
        kind,
        principal_minor,
        principal_after_minor,
        CASE
            WHEN kind = 'DISBURSED' THEN principal_minor
            WHEN kind IN ('REPAID', 'PREPAID', 'COLLECTED', 'RECOVERED') THEN -principal_minor
            -- Off the books, and still owed.
            ELSE 0
        END AS change_minor,
        lag(sequence, 1, 0::bigint) OVER by_loan AS previous_sequence,
        lag(principal_after_minor, 1, 0::bigint) OVER by_loan AS previous_principal_minor
    FROM loan_entries
    WINDOW by_loan AS (PARTITION BY loan_id ORDER BY sequence)
),
chains AS (
    SELECT
        loan_id,
        count(*) AS entries,
        sum(change_minor) AS principal_minor,
        coalesce(sum(principal_minor) FILTER (WHERE kind = 'DISBURSED'), 0) AS disbursed_minor,
        max(sequence) AS last_sequence,
        min(sequence) FILTER (WHERE sequence <> previous_sequence + 1) AS gap_before,
        min(sequence) FILTER (WHERE principal_after_minor <> previous_principal_minor + change_minor) AS broken_at
    FROM steps
    GROUP BY loan_id
)
SELECT
    coalesce(loans.loan_id, chains.loan_id) AS loan_id,
    coalesce(chains.entries, 0) AS entries,
    coalesce(loans.last_sequence, 0) AS last_sequence,
    coalesce(loans.principal_minor, 0) AS principal_minor,
    coalesce(loans.disbursed_minor, 0) AS disbursed_minor,
    coalesce(chains.principal_minor, 0)::text AS entries_principal_minor,
    coalesce(chains.disbursed_minor, 0)::text AS entries_disbursed_minor,
    chains.gap_before,
    chains.broken_at
FROM loans
FULL JOIN chains ON chains.loan_id = loans.loan_id
WHERE
    chains.gap_before IS NOT NULL
    OR chains.broken_at IS NOT NULL
    OR loans.loan_id IS NULL
    OR loans.last_sequence <> coalesce(chains.last_sequence, 0)
    OR loans.principal_minor <> coalesce(chains.principal_minor, 0)
    OR loans.disbursed_minor <> coalesce(chains.disbursed_minor, 0)
ORDER BY 1
