-- +goose Up
-- What is counted, whose failures they are, where that is somebody who exists, and from which network: names that were only tried
-- are never stored.
ALTER TABLE signin_attempts ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE signin_attempts ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE signin_attempts ADD COLUMN network TEXT NOT NULL DEFAULT '';
CREATE INDEX signin_attempts_user ON signin_attempts (user_id) WHERE user_id <> '';
CREATE INDEX signin_attempts_slowed ON signin_attempts (last_failure_at) WHERE user_id <> '' AND failures > 4;

-- +goose Down
DROP INDEX signin_attempts_slowed;
DROP INDEX signin_attempts_user;
ALTER TABLE signin_attempts DROP COLUMN network;
ALTER TABLE signin_attempts DROP COLUMN user_id;
ALTER TABLE signin_attempts DROP COLUMN kind;
