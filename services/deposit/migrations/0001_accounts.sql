-- Chapter one: who owns accounts, and what is on them.

-- One row per customer who ever opened an account here. It serialises "open one more" against "this customer is
-- being closed": both lock this row, so no account can slip in behind the customer service's back.
CREATE TABLE owners (
    customer_id uuid NOT NULL,
    open_accounts integer NOT NULL,
    closed boolean NOT NULL,
    CONSTRAINT owners_pkey PRIMARY KEY (customer_id),
    CONSTRAINT owners_open_accounts_check CHECK (open_accounts >= 0),
    CONSTRAINT owners_closed_check CHECK (NOT closed OR open_accounts = 0)
) WITH (fillfactor = 80);
COMMENT ON TABLE owners IS 'One row per customer: how many accounts are open, and whether more may be opened';

-- The hottest table of the bank: each posting updates one or two rows. So it is narrow, has two indexes of which
-- neither covers a column that changes, and leaves half of each page free: updates stay on their page (HOT) and
-- write to no index.
CREATE TABLE accounts (
    account_number bigint NOT NULL,
    balance_minor bigint NOT NULL,
    held_minor bigint NOT NULL,
    minimum_minor bigint NOT NULL,
    overdraft_minor bigint NOT NULL,
    last_sequence bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    customer_id uuid NOT NULL,
    currency char(3) NOT NULL,
    product text NOT NULL,
    status text NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (account_number),
    CONSTRAINT accounts_held_minor_check CHECK (held_minor >= 0),
    CONSTRAINT accounts_minimum_minor_check CHECK (minimum_minor >= 0),
    CONSTRAINT accounts_overdraft_minor_check CHECK (overdraft_minor >= 0),
    CONSTRAINT accounts_last_sequence_check CHECK (last_sequence >= 0),
    -- The domain decides on available money; this says the floor again where no bug can pass. The minimum is not
    -- in it: an account may be opened below its minimum, which then only forbids debits.
    CONSTRAINT accounts_floor_check CHECK (balance_minor - held_minor >= -overdraft_minor),
    CONSTRAINT accounts_status_check CHECK (status IN ('ACTIVE', 'DEBIT_FROZEN', 'FROZEN', 'CLOSED'))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1);
COMMENT ON TABLE accounts IS 'Current state of each deposit account; changed only by the lanes, in the tx that writes the entries';
COMMENT ON COLUMN accounts.minimum_minor IS 'What must stay on the account; 0 where the product asks for none';
COMMENT ON COLUMN accounts.last_sequence IS 'Sequence of the latest entry; 0 before the first';

-- ListAccounts: all accounts of one customer, in order of account number.
CREATE INDEX accounts_customer_id_idx ON accounts (customer_id, account_number);

-- Serials of account numbers. A refused opening or a crash leaves a gap in numbers, never in entries.
CREATE SEQUENCE account_serials AS bigint MINVALUE 1 MAXVALUE 999999999999 CACHE 1;
