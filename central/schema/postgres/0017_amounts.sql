-- Amounts count as uses do; see ../sqlite/0019_amounts.sql.
ALTER TABLE uses DROP CONSTRAINT uses_n_check;
ALTER TABLE uses ADD CONSTRAINT uses_n_check CHECK (n BETWEEN 1 AND 9007199254740991);
INSERT INTO marks (name, value) SELECT 'books', 'due' WHERE EXISTS (SELECT 1 FROM facts)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
