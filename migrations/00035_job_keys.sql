-- +goose Up
-- What a client was given belongs to its era. A new era ends all of it at once, whatever there is; who writes the ends down comes later.
ALTER TABLE clients ADD COLUMN era TEXT NOT NULL DEFAULT '';
ALTER TABLE codes ADD COLUMN era TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN era TEXT NOT NULL DEFAULT '';

-- The job that deletes the thing with all that hangs on it, in parts: from the mark on it is there for nobody else.
ALTER TABLE clients ADD COLUMN removal TEXT NOT NULL DEFAULT '';
ALTER TABLE scopes ADD COLUMN removal TEXT NOT NULL DEFAULT '';
ALTER TABLE user_groups ADD COLUMN removal TEXT NOT NULL DEFAULT '';
ALTER TABLE attributes ADD COLUMN removal TEXT NOT NULL DEFAULT '';

-- The parts are found in order.
DROP INDEX user_attributes_key;
CREATE INDEX user_attributes_key ON user_attributes (key, user_id);
CREATE INDEX consents_scope ON consents (scope, user_id, client_id);

-- A form makes one job, however often it is sent, and what is being done is not begun again.
ALTER TABLE jobs ADD COLUMN form_key TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN same_key TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX jobs_form ON jobs (form_key) WHERE form_key <> '' AND state <> 'failed';
CREATE UNIQUE INDEX jobs_same ON jobs (same_key) WHERE same_key <> '' AND state IN ('staging', 'queued', 'waiting');

-- +goose Down
DROP INDEX jobs_same;
DROP INDEX jobs_form;
ALTER TABLE jobs DROP COLUMN same_key;
ALTER TABLE jobs DROP COLUMN form_key;
DROP INDEX consents_scope;
DROP INDEX user_attributes_key;
CREATE INDEX user_attributes_key ON user_attributes (key);
ALTER TABLE attributes DROP COLUMN removal;
ALTER TABLE user_groups DROP COLUMN removal;
ALTER TABLE scopes DROP COLUMN removal;
ALTER TABLE clients DROP COLUMN removal;
ALTER TABLE families DROP COLUMN era;
ALTER TABLE codes DROP COLUMN era;
ALTER TABLE clients DROP COLUMN era;
