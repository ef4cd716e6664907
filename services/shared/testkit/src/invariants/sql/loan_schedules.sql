-- Every loan that was paid out against its schedule: the principal that is scheduled or was paid back early is what was
-- paid out; what of the schedule is paid is what the loan's entries say was paid, part by part; and the interest that the
-- schedule says is unpaid is what is receivable or noted. One row per loan that disagrees.
WITH paid AS (
    SELECT
        loan_id,
        coalesce(sum(principal_minor) FILTER (WHERE kind = 'PREPAID'), 0) AS prepaid_minor,
        coalesce(sum(principal_minor) FILTER (WHERE kind <> 'PREPAID'), 0) AS principal_minor,
        sum(interest_minor) AS interest_minor,
        sum(penalty_minor) AS penalty_minor,
        sum(compound_minor) AS compound_minor
    FROM loan_entries
    WHERE kind IN ('REPAID', 'PREPAID', 'COLLECTED', 'RECOVERED')
    GROUP BY loan_id
),
schedules AS (
    SELECT
        instalments.loan_id,
        sum(instalments.principal_minor) AS scheduled_minor,
        sum(instalments.principal_paid_minor) AS principal_minor,
        sum(instalments.interest_paid_minor) AS interest_minor,
        sum(instalments.penalty_paid_minor) AS penalty_minor,
        sum(instalments.compound_paid_minor) AS compound_minor,
        -- Interest of an instalment is owed once it is due, and all of it after a write-off, which cuts it.
        coalesce(sum(
            instalments.interest_minor - instalments.interest_paid_minor
            + instalments.penalty_booked_minor - instalments.penalty_paid_minor
            + instalments.compound_booked_minor - instalments.compound_paid_minor
        ) FILTER (
            WHERE loans.status = 'WRITTEN_OFF' OR instalments.due_on <= loans.calculated_through + 1
        ), 0) AS unpaid_minor
    FROM instalments
    JOIN loans ON loans.loan_id = instalments.loan_id
    GROUP BY instalments.loan_id
),
sides AS (
    SELECT
        loans.loan_id,
        loans.disbursed_minor,
        coalesce(schedules.scheduled_minor, 0) AS scheduled_minor,
        coalesce(paid.prepaid_minor, 0) AS prepaid_minor,
        coalesce(schedules.principal_minor, 0) AS principal_minor,
        coalesce(schedules.interest_minor, 0) AS interest_minor,
        coalesce(schedules.penalty_minor, 0) AS penalty_minor,
        coalesce(schedules.compound_minor, 0) AS compound_minor,
        coalesce(paid.principal_minor, 0) AS paid_principal_minor,
        coalesce(paid.interest_minor, 0) AS paid_interest_minor,
        coalesce(paid.penalty_minor, 0) AS paid_penalty_minor,
        coalesce(paid.compound_minor, 0) AS paid_compound_minor,
        loans.receivable_minor + loans.memo_minor AS owed_minor,
        coalesce(schedules.unpaid_minor, 0)
        + CASE WHEN loans.next_due_on > loans.calculated_through + 1 THEN loans.period_accrued_minor ELSE 0 END
            AS unpaid_minor
    FROM loans
    LEFT JOIN schedules ON schedules.loan_id = loans.loan_id
    LEFT JOIN paid ON paid.loan_id = loans.loan_id
)
SELECT
    loan_id,
    disbursed_minor,
    scheduled_minor::text AS scheduled_minor,
    prepaid_minor::text AS prepaid_minor,
    principal_minor::text AS principal_minor,
    (interest_minor + penalty_minor + compound_minor)::text AS charges_minor,
    paid_principal_minor::text AS paid_principal_minor,
    (paid_interest_minor + paid_penalty_minor + paid_compound_minor)::text AS paid_charges_minor,
    owed_minor,
    unpaid_minor::text AS unpaid_minor
FROM sides
WHERE
    disbursed_minor <> scheduled_minor + prepaid_minor
    OR principal_minor <> paid_principal_minor
    OR interest_minor <> paid_interest_minor
    OR penalty_minor <> paid_penalty_minor
    OR compound_minor <> paid_compound_minor
    OR owed_minor <> unpaid_minor
ORDER BY 1
