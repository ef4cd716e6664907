-- The general ledger: credit balance per account and currency, over all business dates.
SELECT gl_account, currency::text AS currency, sum(credit_minor - debit_minor)::text AS balance_minor
FROM gl_balances
GROUP BY gl_account, currency
