-- Which uses an exit gave back: whoever counts for the site is told of them until the exit's own fact has arrived.
CREATE INDEX uses_left ON uses (given_back_by) WHERE given_back_by IS NOT NULL AND key >= 'i|' AND key < 'i}';
