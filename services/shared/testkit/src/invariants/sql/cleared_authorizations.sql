-- What each authorization says is cleared against the orders that posted it: at once, by its completion, or by the records
-- that met it in time. What the account lacked is cleared as well: its holder owes it. One that was taken back before it
-- was posted is not cleared by what is given back. One row per authorization that disagrees.
WITH posted AS (
    SELECT orders.authorization_id, sum(orders.amount_minor) AS posted_minor
    FROM orders
    JOIN authorizations ON authorizations.authorization_id = orders.authorization_id
    LEFT JOIN clearing_items AS items ON items.item_id = orders.item_id
    WHERE
        orders.status = 'DONE'
        -- The other way round it was taken back.
        AND orders.kind = CASE authorizations.kind WHEN 'REFUND' THEN 'CREDIT' ELSE 'DEBIT' END
        AND (items.match IS NULL OR items.match NOT IN ('LATE', 'NONE'))
    GROUP BY orders.authorization_id
)
SELECT
    authorizations.authorization_id,
    authorizations.status,
    authorizations.amount_minor,
    authorizations.cleared_minor,
    coalesce(posted.posted_minor, 0)::text AS posted_minor
FROM authorizations
LEFT JOIN posted ON posted.authorization_id = authorizations.authorization_id
WHERE
    authorizations.cleared_minor <> coalesce(posted.posted_minor, 0)
    AND NOT (authorizations.status = 'REVERSED' AND authorizations.cleared_minor = 0)
ORDER BY 1
