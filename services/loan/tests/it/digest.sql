-- Everything that the books say, but for ids that are drawn and instants; sums where batches may be cut differently.
SELECT md5(concat(
    (SELECT string_agg(line, E'\n' ORDER BY line)
     FROM (SELECT concat_ws('|', row_number() OVER (ORDER BY loan_id), disbursed_minor, principal_minor,
               period_interest_minor, period_carried_minor, period_accrued_minor, receivable_minor, memo_minor,
               provision_minor, last_sequence, version, days_overdue, calculated_through, period_start_on, next_due_on,
               non_accrual, status, category) AS line
           FROM loans) AS loans),
    (SELECT string_agg(line, E'\n' ORDER BY line)
     FROM (SELECT concat_ws('|', dense_rank() OVER (ORDER BY loan_id), number, period_start_on, due_on,
               principal_minor, interest_minor, principal_paid_minor, interest_paid_minor, penalty_product,
               compound_product, penalty_booked_minor, penalty_paid_minor, compound_booked_minor,
               compound_paid_minor) AS line
           FROM instalments) AS instalments),
    (SELECT string_agg(line, E'\n' ORDER BY line)
     FROM (SELECT concat_ws('|', dense_rank() OVER (ORDER BY loan_id), sequence, kind, principal_minor,
               interest_minor, penalty_minor, compound_minor, fee_minor, principal_after_minor, value_date) AS line
           FROM loan_entries) AS entries),
    (SELECT string_agg(line, E'\n' ORDER BY line)
     FROM (SELECT concat_ws('|', product, currency, kind, reversal, sum(principal_minor), sum(interest_minor),
               sum(penalty_minor), sum(compound_minor), sum(fee_minor), sum(provision_minor)) AS line
           FROM accruals GROUP BY product, currency, kind, reversal) AS told)
))
