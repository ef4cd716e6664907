-- The trial balance: per currency and business date, everything debited is everything credited. One row per sum that
-- is not zero.
SELECT
    currency::text AS currency,
    business_date,
    sum(debit_minor)::text AS debit_minor,
    sum(credit_minor)::text AS credit_minor
FROM gl_balances
GROUP BY currency, business_date
HAVING sum(debit_minor) <> sum(credit_minor)
ORDER BY 1, 2
