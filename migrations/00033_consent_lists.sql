-- +goose Up
-- The list of consents is read from the newest on, of everybody or of a client.
CREATE INDEX consents_newest ON consents (created_at);
DROP INDEX consents_client;
CREATE INDEX consents_client ON consents (client_id, created_at);

-- +goose Down
DROP INDEX consents_client;
CREATE INDEX consents_client ON consents (client_id);
DROP INDEX consents_newest;
