-- Held money against active holds, and each account against its limit. One row per account that disagrees.
WITH active AS (
    SELECT account_number, sum(remaining_minor) AS remaining_minor
    FROM holds
    WHERE status = 'ACTIVE'
    GROUP BY account_number
)
SELECT
    coalesce(accounts.account_number, active.account_number) AS account_number,
    coalesce(accounts.held_minor, 0) AS held_minor,
    coalesce(active.remaining_minor, 0)::text AS remaining_minor,
    coalesce(accounts.balance_minor, 0) AS balance_minor,
    coalesce(accounts.overdraft_minor, 0) AS overdraft_minor
FROM accounts
FULL JOIN active ON active.account_number = accounts.account_number
WHERE
    coalesce(accounts.held_minor, 0) <> coalesce(active.remaining_minor, 0)
    OR accounts.balance_minor - accounts.held_minor < -accounts.overdraft_minor
ORDER BY 1
