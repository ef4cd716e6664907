-- What cards have asked of deposit, and has had no answer for too long. Served by the resolver's partial index.
SELECT order_id, kind, extract(epoch FROM clock_timestamp() - created_at)::bigint AS age_s
FROM orders
WHERE status = 'PENDING' AND created_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY created_at
