-- Every record of a clearing file against what its orders moved. One that is posted was taken, or credited, by them, and
-- the rest is what its holder owes, or of a refund has paid with it. What was posted when it was authorized has no order
-- of its own. One row per record that disagrees.
WITH moved AS (
    SELECT item_id, sum(moved_minor) AS moved_minor
    FROM orders
    WHERE item_id IS NOT NULL AND status = 'DONE' AND kind IN ('DEBIT', 'CREDIT')
    GROUP BY item_id
)
SELECT
    items.item_id,
    items.status,
    items.amount_minor,
    items.posted_minor,
    items.receivable_minor,
    coalesce(moved.moved_minor, 0)::text AS moved_minor
FROM clearing_items AS items
LEFT JOIN moved ON moved.item_id = items.item_id
WHERE
    CASE
        WHEN items.status = 'POSTED' AND items.match = 'ALREADY_POSTED' THEN
            items.posted_minor <> items.amount_minor
            OR items.receivable_minor <> 0
            OR moved.moved_minor IS NOT NULL
        WHEN items.status = 'POSTED' THEN
            items.posted_minor + abs(items.receivable_minor) <> items.amount_minor
            OR items.posted_minor <> coalesce(moved.moved_minor, 0)
        -- An order that is done ends its record in the same tx.
        ELSE items.posted_minor <> 0 OR moved.moved_minor IS NOT NULL
    END
ORDER BY 1
