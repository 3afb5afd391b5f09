-- +goose Up
-- Authorization requests that wait for their person.
CREATE TABLE interactions (
    hash         TEXT      NOT NULL PRIMARY KEY,
    client_id    TEXT      NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    params       TEXT      NOT NULL,
    browser_hash TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL
);
CREATE INDEX interactions_expiry ON interactions (expires_at);
CREATE INDEX interactions_client ON interactions (client_id);

CREATE TABLE codes (
    hash              TEXT      NOT NULL PRIMARY KEY,
    client_id         TEXT      NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id           TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id        TEXT      NOT NULL,
    -- the family that redemption begins
    family_id         TEXT      NOT NULL,
    redirect_uri      TEXT      NOT NULL,
    redirect_uri_sent BOOLEAN   NOT NULL,
    scope             TEXT      NOT NULL,
    nonce             TEXT      NOT NULL,
    code_challenge    TEXT      NOT NULL,
    auth_time         TIMESTAMP NOT NULL,
    amr               TEXT      NOT NULL,
    created_at        TIMESTAMP NOT NULL,
    expires_at        TIMESTAMP NOT NULL,
    spent_at          TIMESTAMP,
    wrong_verifiers   BIGINT    NOT NULL
);
CREATE INDEX codes_expiry ON codes (expires_at);
CREATE INDEX codes_client ON codes (client_id);
CREATE INDEX codes_user ON codes (user_id);

-- +goose Down
DROP TABLE codes;
DROP TABLE interactions;
