-- What each posted movement did to deposit accounts, by request id: the sub-ledger's side of the tie-out, posting by
-- posting.
SELECT
    request_id AS posting_id,
    business_date,
    CASE WHEN debit_account IS NULL THEN 0 ELSE amount_minor END AS debit_minor,
    CASE WHEN credit_account IS NULL THEN 0 ELSE amount_minor END AS credit_minor
FROM outcomes
WHERE
    result = 'POSTED'
    AND amount_minor > 0
    AND kind IN (
        'ACCOUNT_OPENED', 'CASH_DEPOSIT', 'CASH_WITHDRAWAL', 'TRANSFER', 'HOLD_CAPTURED', 'REVERSAL',
        'LOAN_SETTLEMENT', 'LOAN_COLLECTION', 'CARD_DEBIT', 'CARD_CREDIT'
    )
ORDER BY request_id
