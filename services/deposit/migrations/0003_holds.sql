-- Chapter three: money that is reserved.

-- A hold begins ACTIVE and ends exactly once. Partial captures lower remaining_minor. Σ remaining of active holds
-- = accounts.held_minor.
CREATE TABLE holds (
    -- The request id of the PlaceHold that made it.
    hold_id uuid NOT NULL,
    account_number bigint NOT NULL,
    placed_minor bigint NOT NULL,
    remaining_minor bigint NOT NULL,
    currency char(3) NOT NULL,
    expires_at timestamptz NOT NULL,
    status text NOT NULL,
    CONSTRAINT holds_pkey PRIMARY KEY (hold_id),
    CONSTRAINT holds_placed_minor_check CHECK (placed_minor > 0),
    CONSTRAINT holds_remaining_minor_check CHECK (remaining_minor BETWEEN 0 AND placed_minor),
    CONSTRAINT holds_status_check CHECK (status IN ('ACTIVE', 'CAPTURED', 'RELEASED', 'EXPIRED')),
    CONSTRAINT holds_ended_check CHECK ((status = 'ACTIVE') = (remaining_minor > 0))
) WITH (fillfactor = 80);
COMMENT ON TABLE holds IS 'Reservations of money; an ended hold keeps its row';

-- The expiry job: active holds by when they end.
CREATE INDEX holds_expires_at_idx ON holds (expires_at) WHERE status = 'ACTIVE';
