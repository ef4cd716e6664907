-- Victims for the self-test, in temporary tables: an entry of a transfer that others follow, and an account with money
-- on it. `new_id` and `other_id` are free request ids that fall into a partition that exists.
ALTER TABLE accounts DROP CONSTRAINT accounts_overdraft_minor_check, DROP CONSTRAINT accounts_floor_check;
CREATE TEMPORARY TABLE victim_entry ON COMMIT DROP AS
    SELECT entries.account_number, entries.sequence, entries.request_id
    FROM entries
    JOIN outcomes ON outcomes.request_id = entries.request_id
    JOIN accounts ON accounts.account_number = entries.account_number
    WHERE outcomes.kind = 'TRANSFER' AND entries.sequence < accounts.last_sequence
    LIMIT 1;
CREATE TEMPORARY TABLE rich_account ON COMMIT DROP AS
    SELECT
        accounts.account_number,
        accounts.balance_minor,
        accounts.last_sequence,
        accounts.currency,
        business_day.business_date,
        (left(victim_entry.request_id::text, 24) || '5e1f7e570001')::uuid AS new_id,
        (left(victim_entry.request_id::text, 24) || '5e1f7e570002')::uuid AS other_id
    FROM accounts, business_day, victim_entry
    WHERE
        accounts.balance_minor - accounts.held_minor > 1
        AND accounts.account_number <> victim_entry.account_number
    LIMIT 1;
