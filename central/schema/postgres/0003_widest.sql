-- The widest bound that any holder of a key reported (-1: none); see ../sqlite/0005_widest.sql.
ALTER TABLE tallies ADD COLUMN bound BIGINT NOT NULL DEFAULT -1;
UPDATE tallies SET bound = coalesce((SELECT max(u.bound) FROM uses u WHERE u.key = tallies.key), -1);
