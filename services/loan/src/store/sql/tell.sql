-- The postings of one batch, and the outbox row that tells accounting of them. The arrays have the same length; $1 is
-- the business date on which all of it is booked.
WITH told AS (
    INSERT INTO outbox (business_date, payload)
    VALUES ($1, $2)
)
INSERT INTO accruals (business_date, accrual_id, loan_id, principal_minor, interest_minor, penalty_minor,
    compound_minor, fee_minor, provision_minor, value_date, reversal, currency, product, kind)
SELECT $1, new.accrual_id, new.loan_id, new.principal_minor, new.interest_minor, new.penalty_minor,
    new.compound_minor, new.fee_minor, new.provision_minor, new.value_date, new.reversal, new.currency, new.product,
    new.kind
FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
        $10::bigint[], $11::date[], $12::boolean[], $13::text[], $14::text[], $15::text[])
    AS new (accrual_id, loan_id, principal_minor, interest_minor, penalty_minor, compound_minor, fee_minor,
        provision_minor, value_date, reversal, currency, product, kind)
