-- Every counter of every card against the authorizations that were counted in it and not taken back: those of the
-- counter's own business date and month. One row per card and bucket that disagrees.
WITH counted AS (
    SELECT card_id, bucket, business_date, counted_minor
    FROM authorizations
    CROSS JOIN LATERAL (
        SELECT channel AS bucket
        UNION ALL
        SELECT 'RESTRICTED_MERCHANTS' WHERE restricted
    ) AS buckets
    WHERE status IN ('APPROVED', 'PARTLY_CLEARED', 'CLEARED', 'EXPIRED') AND counted_minor > 0
),
implied AS (
    SELECT
        counted.card_id,
        counted.bucket,
        usage.day,
        coalesce(sum(counted.counted_minor) FILTER (WHERE counted.business_date = usage.day), 0) AS day_minor,
        count(*) FILTER (WHERE counted.business_date = usage.day) AS day_count,
        coalesce(sum(counted.counted_minor) FILTER (WHERE date_trunc('month', counted.business_date) = usage.month), 0)
            AS month_minor,
        count(*) FILTER (WHERE date_trunc('month', counted.business_date) = usage.month) AS month_count,
        max(counted.business_date) AS last_day
    FROM counted
    LEFT JOIN usage ON usage.card_id = counted.card_id AND usage.bucket = counted.bucket
    GROUP BY counted.card_id, counted.bucket, usage.day
)
SELECT
    coalesce(usage.card_id, implied.card_id) AS card_id,
    coalesce(usage.bucket, implied.bucket) AS bucket,
    usage.day,
    ARRAY[
        coalesce(usage.day_minor, 0),
        coalesce(usage.day_count, 0),
        coalesce(usage.month_minor, 0),
        coalesce(usage.month_count, 0)
    ]::bigint[] AS counted,
    ARRAY[
        coalesce(implied.day_minor, 0)::text,
        coalesce(implied.day_count, 0)::text,
        coalesce(implied.month_minor, 0)::text,
        coalesce(implied.month_count, 0)::text
    ] AS implied,
    coalesce(implied.last_day > usage.day, false) AS later
FROM usage
FULL JOIN implied ON implied.card_id = usage.card_id AND implied.bucket = usage.bucket
WHERE
    usage.card_id IS NULL
    OR coalesce(implied.last_day > usage.day, false)
    OR usage.month <> date_trunc('month', usage.day)::date
    OR usage.day_minor <> coalesce(implied.day_minor, 0)
    OR usage.day_count <> coalesce(implied.day_count, 0)
    OR usage.month_minor <> coalesce(implied.month_minor, 0)
    OR usage.month_count <> coalesce(implied.month_count, 0)
ORDER BY 1, 2
