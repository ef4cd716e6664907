-- Records of clearing files that are whole, which have been posting for too long.
SELECT items.file_id, items.line, extract(epoch FROM clock_timestamp() - files.received_at)::bigint AS age_s
FROM clearing_items AS items
JOIN clearing_files AS files ON files.file_id = items.file_id
WHERE items.status = 'POSTING' AND files.received_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY files.received_at, items.file_id, items.line
