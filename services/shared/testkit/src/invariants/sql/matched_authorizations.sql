-- What was posted at once, by a 0200 or a completion, against the records that named it: together they are what the
-- authorization says, and no more than what was posted. One row per authorization that disagrees.
WITH named AS (
    SELECT authorization_id, sum(amount_minor) AS named_minor
    FROM clearing_items
    WHERE status = 'POSTED' AND match = 'ALREADY_POSTED'
    GROUP BY authorization_id
)
SELECT
    authorizations.authorization_id,
    authorizations.matched_minor,
    coalesce(named.named_minor, 0)::text AS named_minor,
    coalesce(posted.posted_minor, 0)::text AS posted_minor
FROM authorizations
LEFT JOIN named ON named.authorization_id = authorizations.authorization_id
LEFT JOIN LATERAL (
    SELECT sum(orders.amount_minor) AS posted_minor
    FROM orders
    WHERE
        orders.authorization_id = authorizations.authorization_id
        AND orders.item_id IS NULL
        AND orders.status <> 'REFUSED'
        AND orders.kind = CASE authorizations.kind WHEN 'REFUND' THEN 'CREDIT' ELSE 'DEBIT' END
) AS posted ON true
WHERE
    (authorizations.matched_minor <> 0 OR named.named_minor IS NOT NULL)
    AND (
        authorizations.matched_minor <> coalesce(named.named_minor, 0)
        OR authorizations.matched_minor > coalesce(posted.posted_minor, 0)
    )
ORDER BY 1
