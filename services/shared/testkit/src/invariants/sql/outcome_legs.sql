-- Every posted outcome that moves money against its entries, in one pass: the debited account has exactly one entry
-- of minus the amount, the credited account exactly one of plus the amount, and there is no other entry under that
-- request id. One row per request id that disagrees; `expected_*` are NULL where the books know no such movement.
WITH legs AS (
    SELECT
        request_id,
        count(*) AS entries,
        count(*) FILTER (WHERE amount_minor < 0) AS debits,
        min(account_number) FILTER (WHERE amount_minor < 0) AS debit_account,
        min(amount_minor) FILTER (WHERE amount_minor < 0) AS debit_minor,
        min(account_number) FILTER (WHERE amount_minor > 0) AS credit_account,
        max(amount_minor) FILTER (WHERE amount_minor > 0) AS credit_minor,
        min(business_date) AS first_date,
        max(business_date) AS last_date
    FROM entries
    GROUP BY request_id
),
movements AS (
    SELECT request_id, debit_account, credit_account, amount_minor, business_date
    FROM outcomes
    WHERE
        result = 'POSTED'
        AND amount_minor > 0
        AND kind IN (
            'ACCOUNT_OPENED', 'CASH_DEPOSIT', 'CASH_WITHDRAWAL', 'TRANSFER', 'HOLD_CAPTURED', 'REVERSAL',
            'LOAN_SETTLEMENT', 'LOAN_COLLECTION', 'CARD_DEBIT', 'CARD_CREDIT'
        )
)
SELECT
    coalesce(movements.request_id, legs.request_id) AS request_id,
    movements.request_id IS NOT NULL AS posted,
    movements.debit_account AS expected_debit_account,
    movements.credit_account AS expected_credit_account,
    coalesce(movements.amount_minor, 0) AS expected_minor,
    coalesce(legs.entries, 0) AS entries,
    legs.debit_account,
    coalesce(legs.debit_minor, 0) AS debit_minor,
    legs.credit_account,
    coalesce(legs.credit_minor, 0) AS credit_minor,
    coalesce(
        legs.first_date <> movements.business_date OR legs.last_date <> movements.business_date, false
    ) AS other_date
FROM movements
FULL JOIN legs ON legs.request_id = movements.request_id
WHERE
    movements.request_id IS NULL
    OR legs.request_id IS NULL
    OR legs.debits <> num_nonnulls(movements.debit_account)
    OR legs.entries <> num_nonnulls(movements.debit_account, movements.credit_account)
    OR legs.debit_account IS DISTINCT FROM movements.debit_account
    OR legs.credit_account IS DISTINCT FROM movements.credit_account
    OR legs.debit_minor <> -movements.amount_minor
    OR legs.credit_minor <> movements.amount_minor
    OR legs.first_date <> movements.business_date
    OR legs.last_date <> movements.business_date
ORDER BY 1
