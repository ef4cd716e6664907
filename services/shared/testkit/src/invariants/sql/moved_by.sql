-- What some postings did to the sub-ledger. Reads the whole of entries: asked only while something is in transit.
SELECT
    accounts.product,
    'principal' AS part,
    accounts.currency::text AS currency,
    sum(entries.amount_minor)::text AS balance_minor
FROM entries
JOIN accounts ON accounts.account_number = entries.account_number
WHERE entries.request_id = ANY($1)
GROUP BY accounts.product, accounts.currency
UNION ALL
SELECT
    CASE WHEN kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION') THEN 'all loans' ELSE 'all cards' END AS product,
    CASE WHEN kind IN ('LOAN_SETTLEMENT', 'LOAN_COLLECTION') THEN 'settlement' ELSE 'clearing' END AS part,
    currency::text AS currency,
    sum(CASE WHEN kind IN ('LOAN_SETTLEMENT', 'CARD_CREDIT', 'REVERSAL') THEN -amount_minor ELSE amount_minor END)::text
        AS balance_minor
FROM outcomes
WHERE
    request_id = ANY($1)
    AND result = 'POSTED'
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
