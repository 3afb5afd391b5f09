-- +goose Up
CREATE TABLE users (
    id             TEXT      NOT NULL PRIMARY KEY,
    username       TEXT      NOT NULL,
    -- username folded for comparison: nobody is Alice beside alice
    username_key   TEXT      NOT NULL UNIQUE,
    email          TEXT      NOT NULL,
    -- email folded for comparison; unique, so that it names one person at sign-in; NULL without one
    email_key      TEXT      UNIQUE,
    email_verified BOOLEAN   NOT NULL,
    name           TEXT      NOT NULL,
    -- further standard claims, JSON
    profile        TEXT      NOT NULL,
    role           TEXT      NOT NULL,
    password_hash  TEXT      NOT NULL,
    -- folded name and id: the order of lists
    search_key     TEXT      NOT NULL UNIQUE,
    -- folded name, username and email: what the search looks into
    search_text    TEXT      NOT NULL,
    disabled_at    TIMESTAMP,
    created_at     TIMESTAMP NOT NULL,
    updated_at     TIMESTAMP NOT NULL,
    version        BIGINT    NOT NULL
);

-- One-time links to choose a password.
CREATE TABLE reset_links (
    hash       TEXT      NOT NULL PRIMARY KEY,
    user_id    TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at    TIMESTAMP
);
CREATE INDEX reset_links_user ON reset_links (user_id);

-- The house itself: one row.
CREATE TABLE house (
    id            BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- which master key seals the values of this database; empty until a command that seals has run
    master_key_id TEXT   NOT NULL,
    -- the set-up link: its seed, and the hash of the token made from it; empty once there is a user
    setup_seed    TEXT   NOT NULL,
    setup_hash    TEXT   NOT NULL
);
INSERT INTO house (id, master_key_id, setup_seed, setup_hash) VALUES (1, '', '', '');

-- +goose Down
DROP TABLE house;
DROP TABLE reset_links;
DROP TABLE users;
