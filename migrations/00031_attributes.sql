-- +goose Up
-- What a house keeps of people beyond the standard claims: each has a type, and some are told to applications.
CREATE TABLE attributes (
    key        TEXT      NOT NULL PRIMARY KEY,
    label      TEXT      NOT NULL,
    -- string, number, boolean, date or list
    type       TEXT      NOT NULL,
    required   BOOLEAN   NOT NULL,
    -- people change their own; else administrators alone
    own        BOOLEAN   NOT NULL,
    -- the scope with which applications are told the claim; both are empty where they are not told
    scope      TEXT      NOT NULL,
    claim      TEXT      NOT NULL,
    position   BIGINT    NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    version    BIGINT    NOT NULL
);
CREATE UNIQUE INDEX attributes_claim_key ON attributes (claim) WHERE claim <> '';

CREATE TABLE user_attributes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key     TEXT NOT NULL REFERENCES attributes (key) ON DELETE CASCADE,
    -- JSON of the attribute's type
    value   TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX user_attributes_key ON user_attributes (key);

-- +goose Down
DROP TABLE user_attributes;
DROP TABLE attributes;
