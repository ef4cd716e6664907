-- The sub-ledger: what deposit accounts hold, per product and currency; and their side of what moves between them and
-- loans, or the card scheme and whoever else is paid through clearing. A credit is positive.
SELECT product, 'principal' AS part, currency::text AS currency, sum(balance_minor)::text AS balance_minor
FROM accounts
GROUP BY product, currency
UNION ALL
SELECT
    CASE WHEN kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION') THEN 'all loans' ELSE 'all cards' END AS product,
    CASE WHEN kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION') THEN 'settlement' ELSE 'clearing' END AS part,
    currency::text AS currency,
    sum(CASE WHEN kind IN ('LOAN_SETTLEMENT', 'CARD_CREDIT', 'REVERSAL') THEN -amount_minor ELSE amount_minor END)::text
        AS balance_minor
FROM outcomes
WHERE
    result = 'POSTED'
    AND (
        kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION', 'CARD_DEBIT', 'CARD_CREDIT')
        OR (kind = 'HOLD_CAPTURED' AND credit_account IS NULL)
        -- What was captured for clearing and is given back.
        OR (
            kind = 'REVERSAL'
            AND debit_account IS NULL
            AND EXISTS (
                SELECT FROM outcomes AS undone
                WHERE undone.request_id = outcomes.subject_id AND undone.kind = 'HOLD_CAPTURED'
            )
        )
    )
GROUP BY 1, 2, currency
