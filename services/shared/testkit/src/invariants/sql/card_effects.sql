-- What each posting of cards did to the accounts of the general ledger that follow from cards, by the part that each
-- stands for; a credit is positive. Written down once more, and not read from the accounting rules: that the two agree is
-- what is checked.
WITH effects AS (
    SELECT
        bookings.booking_id,
        bookings.business_date,
        bookings.currency::text AS currency,
        effect.part,
        CASE effect.part WHEN 'principal' THEN bookings.product ELSE 'all cards' END AS product,
        CASE WHEN bookings.reversal THEN -effect.amount_minor ELSE effect.amount_minor END AS amount_minor
    FROM bookings
    CROSS JOIN LATERAL (
        VALUES
        ('principal', CASE bookings.kind WHEN 'CARD_RECEIVABLE' THEN -bookings.principal_minor END),
        ('difference', CASE bookings.kind WHEN 'CARD_DIFFERENCE' THEN -bookings.principal_minor END),
        ('settled', CASE bookings.kind WHEN 'CARD_SETTLED' THEN bookings.principal_minor END),
        ('settled', CASE bookings.kind WHEN 'CARD_SETTLED' THEN -bookings.fee_minor END),
        ('clearing', CASE bookings.kind
            WHEN 'CARD_RECEIVABLE' THEN bookings.principal_minor
            WHEN 'CARD_DIFFERENCE' THEN bookings.principal_minor
            WHEN 'CARD_SETTLED' THEN -bookings.principal_minor
        END)
    ) AS effect (part, amount_minor)
)
