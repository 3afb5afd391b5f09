-- +goose Up
-- When the person last proved who they are in this session; NULL is not since the password was changed.
ALTER TABLE sessions ADD COLUMN proven_at TIMESTAMP;

-- A form that was sent when its session had lapsed: sealed, for the same person in the same browser, until they have signed in.
CREATE TABLE kept_forms (
    browser_hash TEXT      NOT NULL PRIMARY KEY,
    user_id      TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sealed       TEXT      NOT NULL,
    expires_at   TIMESTAMP NOT NULL
);
CREATE INDEX kept_forms_user ON kept_forms (user_id);
CREATE INDEX kept_forms_expiry ON kept_forms (expires_at);

-- +goose Down
DROP TABLE kept_forms;
ALTER TABLE sessions DROP COLUMN proven_at;
