-- Every account against its entries, in one pass: the sequence runs 1, 2, 3, ... without a gap, each balance_after
-- follows from the one before, and the last of them is the account's balance. One row per account that disagrees.
WITH steps AS (
    SELECT
        account_number,
        sequence,
        amount_minor,
        balance_after_minor,
        lag(sequence, 1, 0::bigint) OVER by_account AS previous_sequence,
        lag(balance_after_minor, 1, 0::bigint) OVER by_account AS previous_balance_minor
    FROM entries
    WINDOW by_account AS (PARTITION BY account_number ORDER BY sequence)
),
chains AS (
    SELECT
        account_number,
        count(*) AS entries,
        sum(amount_minor) AS total_minor,
        max(sequence) AS last_sequence,
        min(sequence) FILTER (WHERE sequence <> previous_sequence + 1) AS gap_before,
        min(sequence) FILTER (WHERE balance_after_minor <> previous_balance_minor + amount_minor) AS broken_at
    FROM steps
    GROUP BY account_number
)
SELECT
    coalesce(chains.account_number, accounts.account_number) AS account_number,
    accounts.account_number IS NULL AS orphan,
    coalesce(accounts.balance_minor, 0) AS balance_minor,
    coalesce(chains.total_minor, 0)::text AS total_minor,
    coalesce(accounts.last_sequence, 0) AS account_sequence,
    coalesce(chains.last_sequence, 0) AS last_sequence,
    coalesce(chains.entries, 0) AS entries,
    chains.gap_before,
    chains.broken_at
FROM accounts
FULL JOIN chains ON chains.account_number = accounts.account_number
WHERE
    chains.gap_before IS NOT NULL
    OR chains.broken_at IS NOT NULL
    OR accounts.account_number IS NULL
    OR accounts.balance_minor <> coalesce(chains.total_minor, 0)
    OR accounts.last_sequence <> coalesce(chains.last_sequence, 0)
ORDER BY 1
