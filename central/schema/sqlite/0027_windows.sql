-- A limit per campaign is labelled by the campaign's name, not by its first day (contract.md §10), and a stored database
-- counts by old labels: where there are any, the books are made anew from the facts, which reads them as of now.
INSERT INTO marks (name, value) SELECT 'books', 'due'
    WHERE EXISTS (SELECT 1 FROM tallies WHERE key LIKE '%|window:____-__-__')
    ON CONFLICT (name) DO UPDATE SET value = 'due';
UPDATE OR IGNORE conflicts SET key = substr(key, 1, length(key) - 10) WHERE key LIKE '%|window:____-__-__';
UPDATE OR IGNORE settled_conflicts SET key = substr(key, 1, length(key) - 10) WHERE key LIKE '%|window:____-__-__';
