-- An order is kept as the platform signed it: what this terminal may do is computed anew from that at each start and each
-- minute, so that whoever edits the switch changes nothing for longer. An order obeyed before this column has no text.

ALTER TABLE orders ADD COLUMN signed TEXT NOT NULL DEFAULT '';
