-- Chapter five: why money is reserved.

-- Whoever reserves for a reason of its own sees to the end of what it reserved, and asks for what it may have lost sight
-- of. What was there before was placed for none of these reasons; and a process of the release before says none.
ALTER TABLE holds ADD COLUMN reason text NOT NULL DEFAULT 'GENERAL';
ALTER TABLE holds ADD CONSTRAINT holds_reason_check CHECK (reason IN ('GENERAL', 'CARD'));
COMMENT ON COLUMN holds.reason IS 'GENERAL, or CARD: an authorization, to whose end the card service sees';

-- ListHolds: the active holds for one reason by id, and so by when they were asked for.
CREATE INDEX holds_reason_idx ON holds (reason, hold_id) WHERE status = 'ACTIVE';
