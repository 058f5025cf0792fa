-- Orders are numbered across all terminals, by time (central.register.standing): the newest number says whether anybody
-- has been ordered something since (central.http.waking).
CREATE INDEX commands_number ON commands (number);
