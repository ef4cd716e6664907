-- Each hold against the outcomes that placed, captured and released it: it was placed once, as it says; it ended at
-- most once; and what it still reserves is what was placed less what was taken. A payment by card takes from its hold
-- first, and what the hold lacks from the account. One row per hold that disagrees.
WITH taken AS (
    SELECT
        CASE kind WHEN 'HOLD_PLACED' THEN request_id ELSE subject_id END AS hold_id,
        count(*) FILTER (WHERE kind = 'HOLD_PLACED') AS placings,
        max(debit_account) FILTER (WHERE kind = 'HOLD_PLACED') AS placed_account,
        max(amount_minor) FILTER (WHERE kind = 'HOLD_PLACED') AS placed_minor,
        count(*) FILTER (WHERE kind IN ('HOLD_CAPTURED', 'CARD_DEBIT')) AS captures,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'HOLD_CAPTURED'), 0) AS captured_by_hand_minor,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'CARD_DEBIT'), 0) AS by_card_minor,
        count(*) FILTER (WHERE kind = 'HOLD_RELEASED') AS releases,
        coalesce(sum(amount_minor) FILTER (WHERE kind = 'HOLD_RELEASED'), 0) AS released_minor
    FROM outcomes
    WHERE
        result = 'POSTED'
        AND (
            kind IN ('HOLD_PLACED', 'HOLD_CAPTURED')
            -- One of nothing fenced a hold that had not come.
            OR (kind = 'HOLD_RELEASED' AND amount_minor > 0)
            OR (kind = 'CARD_DEBIT' AND subject_id IS NOT NULL)
        )
    GROUP BY 1
),
steps AS (
    SELECT
        hold_id,
        placings,
        placed_account,
        placed_minor,
        captures,
        releases,
        released_minor,
        captured_by_hand_minor + least(by_card_minor, greatest(placed_minor - captured_by_hand_minor, 0)) AS captured_minor
    FROM taken
)
SELECT
    coalesce(holds.hold_id, steps.hold_id) AS hold_id,
    coalesce(holds.status, 'MISSING') AS status,
    coalesce(holds.placed_minor, 0) AS placed_minor,
    coalesce(holds.remaining_minor, 0) AS remaining_minor,
    coalesce(steps.placings, 0) AS placings,
    coalesce(steps.captures, 0) AS captures,
    coalesce(steps.captured_minor, 0)::text AS captured_minor,
    coalesce(steps.releases, 0) AS releases,
    coalesce(steps.released_minor, 0)::text AS released_minor
FROM holds
FULL JOIN steps ON steps.hold_id = holds.hold_id
WHERE
    holds.hold_id IS NULL
    OR steps.hold_id IS NULL
    OR steps.placings <> 1
    OR steps.placed_account IS DISTINCT FROM holds.account_number
    OR steps.placed_minor <> holds.placed_minor
    OR NOT CASE holds.status
        WHEN 'ACTIVE' THEN steps.releases = 0 AND holds.remaining_minor = holds.placed_minor - steps.captured_minor
        WHEN 'CAPTURED' THEN steps.releases = 0 AND steps.captures > 0 AND steps.captured_minor <= holds.placed_minor
        -- RELEASED by a caller or EXPIRED by itself: either way one outcome says how much was given back.
        ELSE steps.releases = 1 AND steps.captured_minor + steps.released_minor = holds.placed_minor
    END
ORDER BY 1
