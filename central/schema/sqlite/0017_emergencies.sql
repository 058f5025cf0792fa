-- What one person did alone, and who looked at it (central.office.emergencies), found without walking the office journal.

CREATE INDEX acts_emergency ON acts (city, number) WHERE act >= 'emergency.' AND act < 'emergency/';
