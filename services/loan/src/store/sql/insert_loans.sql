-- Loans that are applied for: nothing is paid out, owed or calculated yet. The arrays have the same length.
INSERT INTO loans (loan_id, customer_id, account_number, amount_minor, disbursed_minor, principal_minor,
    period_interest_minor, period_carried_minor, period_accrued_minor, receivable_minor, memo_minor, provision_minor,
    last_sequence, version, applied_at, rate_ppm, term_months, due_day, days_overdue, non_accrual, currency, product,
    status, category, category_floor, applied_by, application_hash)
SELECT new.loan_id, new.customer_id, new.account_number, new.amount_minor, 0, 0, 0, 0, 0, 0, 0, 0, 0, new.version,
    new.applied_at, new.rate_ppm, new.term_months, new.due_day, 0, false, new.currency, new.product, new.status,
    new.category, new.category_floor, new.applied_by, new.application_hash
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::bigint[],
        $8::integer[], $9::integer[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
        $16::bytea[])
    AS new (loan_id, customer_id, account_number, amount_minor, version, applied_at, rate_ppm, term_months, due_day,
        currency, product, status, category, category_floor, applied_by, application_hash)
