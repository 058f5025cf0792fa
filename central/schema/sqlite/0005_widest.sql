-- The widest bound that any holder of a key reported (−1: none), kept as uses come in: looking it up among the uses of a
-- quota that a whole town shares took longer with each of them.
ALTER TABLE tallies ADD COLUMN bound INTEGER NOT NULL DEFAULT -1;
UPDATE tallies SET bound = coalesce((SELECT max(u.bound) FROM uses u WHERE u.key = tallies.key), -1);
