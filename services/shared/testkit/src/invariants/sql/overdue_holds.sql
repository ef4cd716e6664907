-- Holds that should have ended by themselves. Served by the partial index that the expiry job uses.
SELECT hold_id, extract(epoch FROM clock_timestamp() - expires_at)::bigint AS overdue_s
FROM holds
WHERE status = 'ACTIVE' AND expires_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY expires_at
