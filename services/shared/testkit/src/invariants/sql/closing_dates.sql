-- A business date that was left long ago and still waits for its last postings. It was left when the next was opened.
SELECT closing.business_date, extract(epoch FROM clock_timestamp() - next.opened_at)::bigint AS age_s
FROM business_days AS closing
JOIN business_days AS next ON next.status = 'OPEN'
WHERE
    closing.status = 'CLOSING'
    AND next.opened_at < clock_timestamp() - make_interval(secs => $1)
