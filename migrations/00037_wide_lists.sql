-- +goose Up
-- Those who are disabled are searched by three names; the index has all of them, so that nobody's row is read who is not found.
DROP INDEX users_disabled;
CREATE INDEX users_disabled ON users (search_key, username_key, email_key, id) WHERE disabled_at IS NOT NULL;
-- A client that is refused now and then among a great many events.
CREATE INDEX audit_events_client_refused ON audit_events (client_id, id) WHERE outcome = 'refused';

-- +goose Down
DROP INDEX audit_events_client_refused;
DROP INDEX users_disabled;
CREATE INDEX users_disabled ON users (search_key) WHERE disabled_at IS NOT NULL;
