-- Money that has been on its way between a loan and an account for too long. Served by the resolver's partial index.
SELECT movement_id, extract(epoch FROM clock_timestamp() - accepted_at)::bigint AS age_s
FROM movements
WHERE status = 'PENDING' AND accepted_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY accepted_at
