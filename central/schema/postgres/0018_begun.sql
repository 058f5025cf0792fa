-- Acts of the office that begun and have not ended: what a power cut left (central.office.resuming).

CREATE INDEX acts_begun ON acts (number) WHERE outcome = 'begun';
CREATE INDEX acts_of ON acts (of_number) WHERE of_number IS NOT NULL;
