-- What is overdue now, found without walking every redemption (central.office.overdue).

CREATE INDEX redemptions_overdue ON redemptions (redemption) WHERE state = 'overdue';
