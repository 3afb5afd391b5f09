-- +goose Up
CREATE TABLE families (
    id                   TEXT      NOT NULL PRIMARY KEY,
    client_id            TEXT      NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id              TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- the browser session it lives and dies with; empty for none
    session_id           TEXT      NOT NULL,
    scope                TEXT      NOT NULL,
    auth_time            TIMESTAMP NOT NULL,
    amr                  TEXT      NOT NULL,
    created_at           TIMESTAMP NOT NULL,
    expires_at           TIMESTAMP NOT NULL,
    ended_at             TIMESTAMP,
    end_reason           TEXT      NOT NULL,
    -- the state of the rotation: exactly one refresh token is current
    generation           BIGINT    NOT NULL,
    current_hash         TEXT      NOT NULL,
    current_presented_at TIMESTAMP,
    previous_hash        TEXT      NOT NULL,
    rotated_at           TIMESTAMP,
    successor_sealed     TEXT      NOT NULL,
    idle_expires_at      TIMESTAMP NOT NULL
);
CREATE INDEX families_user ON families (user_id, ended_at);
CREATE INDEX families_client ON families (client_id, ended_at);
CREATE INDEX families_session ON families (session_id);

-- Every refresh token there was, current or spent.
CREATE TABLE refresh_tokens (
    hash       TEXT      NOT NULL PRIMARY KEY,
    family_id  TEXT      NOT NULL REFERENCES families (id) ON DELETE CASCADE,
    generation BIGINT    NOT NULL,
    created_at TIMESTAMP NOT NULL,
    ip         TEXT      NOT NULL,
    user_agent TEXT      NOT NULL,
    request_id TEXT      NOT NULL
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id, generation);

-- JWT access tokens that were revoked one by one, until they expire.
CREATE TABLE revoked_tokens (
    jti        TEXT      NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

-- +goose Down
DROP TABLE revoked_tokens;
DROP TABLE refresh_tokens;
DROP TABLE families;
