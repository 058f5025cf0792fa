-- The office's lists, in the order in which its pages show them.

CREATE INDEX drafts_newest ON drafts (city, number);
CREATE INDEX drafts_at ON drafts (city, state, number);
CREATE INDEX cases_at ON cases (city, state, number);
CREATE INDEX applications_urgent ON applications (city, state, due_ms, application);
CREATE INDEX applications_newest ON applications (city, state, made_ms DESC, application);
CREATE INDEX grants_newest ON grants (city, made_ms DESC, grant_id);
DROP INDEX grants_subject;
CREATE INDEX grants_of ON grants (city, subject, made_ms DESC, grant_id);
