-- Rows come in the order of `received_ms`: an index that falls is filled from its wrong end, each page by half.
DROP INDEX redemptions_newest;
CREATE INDEX redemptions_newest ON redemptions (received_ms, seq);
