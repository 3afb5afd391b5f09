-- +goose Up
-- Where people signed in to through a session. Its codes say so only until they are swept, and there are too many to ask.
CREATE TABLE session_clients (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id  TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_client ON session_clients (client_id, session_id);
INSERT INTO session_clients (session_id, client_id)
SELECT g.session_id, g.client_id
FROM (SELECT session_id, client_id FROM codes UNION SELECT session_id, client_id FROM families) AS g
JOIN sessions ON sessions.id = g.session_id;

-- +goose Down
DROP TABLE session_clients;
