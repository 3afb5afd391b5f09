-- +goose Up
-- Lists of sessions, families and events are read from their newest id on (UUIDv7: by time). Each filter has an index that
-- ends in the id, so that a page costs the same however long the list is.
DROP INDEX sessions_user;
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_ip ON sessions (ip, id);
-- What lives, and what is swept.
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Which clients somebody signed in to through a session.
DROP INDEX codes_user;
CREATE INDEX codes_user ON codes (user_id, session_id, client_id);

-- None of these is touched by a rotation.
DROP INDEX families_user;
CREATE INDEX families_user ON families (user_id, id);
DROP INDEX families_client;
CREATE INDEX families_client ON families (client_id, id);
CREATE INDEX families_client_live ON families (client_id) WHERE ended_at IS NULL;
CREATE INDEX families_ended ON families (id) WHERE ended_at IS NOT NULL;
CREATE INDEX families_replayed ON families (id) WHERE end_reason IN ('refresh_token_replayed', 'code_replayed');

-- The order of ids is that of time.
DROP INDEX audit_events_at;
DROP INDEX audit_events_client;
CREATE INDEX audit_events_client ON audit_events (client_id, id);
DROP INDEX audit_events_user;
CREATE INDEX audit_events_user ON audit_events (user_id, id);
CREATE INDEX audit_events_target ON audit_events (target_id, id);
CREATE INDEX audit_events_action ON audit_events (action, id);
CREATE INDEX audit_events_ip ON audit_events (ip, id);
-- People's own acts and refusals are few: machines write most events.
CREATE INDEX audit_events_actor ON audit_events (actor_id, id) WHERE actor_kind = 'user';
CREATE INDEX audit_events_refused ON audit_events (id) WHERE outcome = 'refused';

-- +goose Down
DROP INDEX audit_events_refused;
DROP INDEX audit_events_actor;
DROP INDEX audit_events_ip;
DROP INDEX audit_events_action;
DROP INDEX audit_events_target;
DROP INDEX audit_events_user;
CREATE INDEX audit_events_user ON audit_events (user_id, at);
DROP INDEX audit_events_client;
CREATE INDEX audit_events_client ON audit_events (client_id, at);
CREATE INDEX audit_events_at ON audit_events (at, id);
DROP INDEX families_replayed;
DROP INDEX families_ended;
DROP INDEX families_client_live;
DROP INDEX families_client;
CREATE INDEX families_client ON families (client_id, ended_at);
DROP INDEX families_user;
CREATE INDEX families_user ON families (user_id, ended_at);
DROP INDEX codes_user;
CREATE INDEX codes_user ON codes (user_id);
DROP INDEX sessions_expiry;
DROP INDEX sessions_ip;
DROP INDEX sessions_user;
CREATE INDEX sessions_user ON sessions (user_id, ended_at);
