-- What cards say is reserved: what is authorized and not cleared, by hold.
SELECT hold_id, currency::text AS currency, account_number, amount_minor - cleared_minor AS remaining_minor
FROM authorizations
-- One of several records may have used all of it, and others may follow all the same.
WHERE status IN ('APPROVED', 'PARTLY_CLEARED') AND hold_id IS NOT NULL AND amount_minor > cleared_minor
ORDER BY hold_id
