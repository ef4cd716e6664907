-- What each posting of loans did to the accounts of the general ledger that follow from loans, by the part of a loan
-- that each stands for; a credit is positive. Written down once more, and not read from the accounting rules: that the
-- two agree is what is checked. Income, losses and the counterpart off the balance sheet follow by double entry.
WITH effects AS (
    SELECT
        accruals.accrual_id,
        accruals.business_date,
        accruals.currency::text AS currency,
        effect.part,
        CASE WHEN effect.part IN ('principal', 'interest') THEN accruals.product ELSE 'all loans' END AS product,
        CASE WHEN accruals.reversal THEN -effect.amount_minor ELSE effect.amount_minor END AS amount_minor
    FROM accruals
    CROSS JOIN LATERAL (
        SELECT accruals.interest_minor + accruals.penalty_minor + accruals.compound_minor AS minor
    ) AS charges
    CROSS JOIN LATERAL (
        VALUES
        ('principal', CASE accruals.kind
            WHEN 'LOAN_DISBURSED' THEN -accruals.principal_minor
            WHEN 'LOAN_REPAID' THEN accruals.principal_minor
            WHEN 'LOAN_WRITTEN_OFF' THEN accruals.principal_minor
        END),
        ('interest', CASE accruals.kind
            WHEN 'LOAN_INTEREST_ACCRUED' THEN -charges.minor
            WHEN 'LOAN_INTEREST_REMOVED' THEN charges.minor
            WHEN 'LOAN_REPAID' THEN charges.minor
        END),
        ('provision', CASE accruals.kind
            WHEN 'LOAN_PROVISIONED' THEN accruals.provision_minor
            WHEN 'LOAN_WRITTEN_OFF' THEN -accruals.principal_minor
        END),
        ('memo', CASE accruals.kind WHEN 'LOAN_MEMO' THEN -charges.minor END),
        ('written off', CASE accruals.kind WHEN 'LOAN_MEMO' THEN -accruals.principal_minor END),
        ('settlement', CASE accruals.kind
            WHEN 'LOAN_DISBURSED' THEN accruals.principal_minor
            WHEN 'LOAN_REPAID' THEN -accruals.principal_minor - charges.minor - accruals.fee_minor
            WHEN 'LOAN_INTEREST_RECEIVED' THEN -charges.minor
            WHEN 'LOAN_RECOVERED' THEN -accruals.principal_minor - charges.minor
        END)
    ) AS effect (part, amount_minor)
)
