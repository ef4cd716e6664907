-- What loans booked between themselves and deposit accounts, against the movements that are done, per currency. Follows
-- loan_effects.sql. One row per currency that disagrees.
, booked AS (
    SELECT currency, sum(amount_minor) AS amount_minor
    FROM effects
    WHERE part = 'settlement'
    GROUP BY currency
),
done AS (
    SELECT
        currency::text AS currency,
        sum(CASE kind WHEN 'DISBURSEMENT' THEN moved_minor ELSE -moved_minor END) AS amount_minor
    FROM movements
    WHERE status = 'DONE'
    GROUP BY currency
)
SELECT
    coalesce(done.currency, booked.currency) AS currency,
    coalesce(done.amount_minor, 0)::text AS done_minor,
    coalesce(booked.amount_minor, 0)::text AS booked_minor
FROM done
FULL JOIN booked ON booked.currency = done.currency
WHERE coalesce(done.amount_minor, 0) <> coalesce(booked.amount_minor, 0)
ORDER BY 1
