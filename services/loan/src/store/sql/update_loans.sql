-- Loans in their new state. What was applied for never changes. The arrays have the same length.
UPDATE loans
SET disbursed_minor = new.disbursed_minor,
    principal_minor = new.principal_minor,
    period_interest_minor = new.period_interest_minor,
    period_carried_minor = new.period_carried_minor,
    period_accrued_minor = new.period_accrued_minor,
    receivable_minor = new.receivable_minor,
    memo_minor = new.memo_minor,
    provision_minor = new.provision_minor,
    last_sequence = new.last_sequence,
    version = new.version,
    rate_ppm = new.rate_ppm,
    days_overdue = new.days_overdue,
    disbursed_on = new.disbursed_on,
    calculated_through = new.calculated_through,
    period_start_on = new.period_start_on,
    next_due_on = new.next_due_on,
    non_accrual = new.non_accrual,
    status = new.status,
    category = new.category,
    category_floor = new.category_floor
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::date[],
        $15::date[], $16::date[], $17::date[], $18::boolean[], $19::text[], $20::text[], $21::text[])
    AS new (loan_id, disbursed_minor, principal_minor, period_interest_minor, period_carried_minor,
        period_accrued_minor, receivable_minor, memo_minor, provision_minor, last_sequence, version, rate_ppm,
        days_overdue, disbursed_on, calculated_through, period_start_on, next_due_on, non_accrual, status, category,
        category_floor)
WHERE loans.loan_id = new.loan_id
