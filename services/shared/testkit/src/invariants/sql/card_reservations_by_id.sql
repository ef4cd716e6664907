-- What cards know of some holds, whatever has become of them.
SELECT
    authorizations.hold_id,
    authorizations.currency::text AS currency,
    authorizations.account_number,
    authorizations.amount_minor - authorizations.cleared_minor AS remaining_minor,
    authorizations.authorization_id,
    authorizations.status,
    EXISTS (
        SELECT FROM orders
        WHERE orders.authorization_id = authorizations.authorization_id AND orders.status = 'PENDING'
    ) AS in_motion
FROM authorizations
WHERE authorizations.hold_id = ANY($1)
