-- New and changed instalments in one statement: one that is there gets its new state. The arrays have the same length.
INSERT INTO instalments (loan_id, number, period_start_on, due_on, principal_minor, interest_minor, rate_ppm,
    principal_paid_minor, interest_paid_minor, penalty_product, compound_product, penalty_booked_minor,
    penalty_paid_minor, compound_booked_minor, compound_paid_minor)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::date[], $4::date[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
    $15::bigint[])
ON CONFLICT (loan_id, number) DO UPDATE
SET period_start_on = EXCLUDED.period_start_on,
    due_on = EXCLUDED.due_on,
    principal_minor = EXCLUDED.principal_minor,
    interest_minor = EXCLUDED.interest_minor,
    rate_ppm = EXCLUDED.rate_ppm,
    principal_paid_minor = EXCLUDED.principal_paid_minor,
    interest_paid_minor = EXCLUDED.interest_paid_minor,
    penalty_product = EXCLUDED.penalty_product,
    compound_product = EXCLUDED.compound_product,
    penalty_booked_minor = EXCLUDED.penalty_booked_minor,
    penalty_paid_minor = EXCLUDED.penalty_paid_minor,
    compound_booked_minor = EXCLUDED.compound_booked_minor,
    compound_paid_minor = EXCLUDED.compound_paid_minor
