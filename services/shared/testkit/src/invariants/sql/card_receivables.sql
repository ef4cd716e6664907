-- What each holder owes against what was booked for the card. One row per card that disagrees.
WITH booked AS (
    SELECT card_id, sum(CASE WHEN reversal THEN -principal_minor ELSE principal_minor END) AS receivable_minor
    FROM bookings
    WHERE kind = 'CARD_RECEIVABLE'
    GROUP BY card_id
)
SELECT
    coalesce(cards.card_id, booked.card_id) AS card_id,
    coalesce(cards.receivable_minor, 0) AS receivable_minor,
    coalesce(booked.receivable_minor, 0)::text AS booked_minor
FROM cards
FULL JOIN booked ON booked.card_id = cards.card_id
WHERE coalesce(cards.receivable_minor, 0) <> coalesce(booked.receivable_minor, 0)
ORDER BY 1
