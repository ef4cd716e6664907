-- What was posted and taken back: all that moved goes back, and of what its holder owed for it no more than that. One row
-- per authorization that disagrees.
WITH moved AS (
    SELECT
        orders.authorization_id,
        sum(orders.moved_minor) FILTER (WHERE orders.kind = 'DEBIT' AND orders.status = 'DONE') AS debited_minor,
        sum(orders.amount_minor) FILTER (WHERE orders.kind = 'DEBIT') AS debit_minor,
        sum(orders.moved_minor) FILTER (WHERE orders.kind = 'CREDIT' AND orders.status = 'DONE') AS credited_minor,
        sum(orders.amount_minor) FILTER (WHERE orders.kind = 'CREDIT') AS credit_minor
    FROM orders
    -- A credit that was refused is asked for again by another order.
    WHERE orders.item_id IS NULL AND orders.authorization_id IS NOT NULL AND orders.status <> 'REFUSED'
    GROUP BY orders.authorization_id
)
SELECT
    authorizations.authorization_id,
    coalesce(CASE authorizations.kind WHEN 'REFUND' THEN moved.credited_minor ELSE moved.debited_minor END, 0)::text
        AS moved_minor,
    coalesce(CASE authorizations.kind WHEN 'REFUND' THEN moved.debit_minor ELSE moved.credit_minor END, 0)::text
        AS back_minor
FROM authorizations
JOIN moved ON moved.authorization_id = authorizations.authorization_id
WHERE
    authorizations.status = 'REVERSED'
    AND CASE authorizations.kind
        WHEN 'REFUND' THEN coalesce(moved.debit_minor, 0) <> coalesce(moved.credited_minor, 0)
        ELSE
            coalesce(moved.credit_minor, 0) < coalesce(moved.debited_minor, 0)
            OR coalesce(moved.credit_minor, 0) > coalesce(moved.debit_minor, 0)
    END
ORDER BY 1
