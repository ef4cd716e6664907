-- Outbox rows that are older than they may be, by the database's own clock. The last column counts all rows.
SELECT
    batch_number,
    business_date,
    extract(epoch FROM clock_timestamp() - enqueued_at)::bigint AS age_s
FROM outbox
WHERE enqueued_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY enqueued_at
