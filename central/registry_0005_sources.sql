-- Which draft or case a change came from: what a power cut left half done is done again, once.
ALTER TABLE warrant ADD COLUMN source TEXT NOT NULL DEFAULT '';
CREATE INDEX warrant_source ON warrant (city, source) WHERE source <> '';
