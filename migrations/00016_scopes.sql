-- +goose Up
-- What a form was filled in for: whoever saves second is told.
ALTER TABLE scopes ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE scopes ADD COLUMN updated_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:00';
UPDATE scopes SET updated_at = created_at;

-- +goose Down
ALTER TABLE scopes DROP COLUMN updated_at;
ALTER TABLE scopes DROP COLUMN version;
