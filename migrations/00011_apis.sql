-- +goose Up
-- Resource servers: what a token can be for, besides ourselves.
CREATE TABLE apis (
    id                    TEXT      NOT NULL PRIMARY KEY,
    -- the audience of its tokens; never changed
    identifier            TEXT      NOT NULL UNIQUE,
    name                  TEXT      NOT NULL,
    -- the scopes it takes
    scope                 TEXT      NOT NULL,
    signing_alg           TEXT      NOT NULL,
    token_format          TEXT      NOT NULL,
    claims                TEXT      NOT NULL,
    -- the secret shared with it (HS256), sealed; empty without one
    signing_secret_sealed TEXT      NOT NULL,
    -- seconds; 0 for the server's own
    access_token_ttl      BIGINT    NOT NULL,
    created_at            TIMESTAMP NOT NULL,
    updated_at            TIMESTAMP NOT NULL,
    version               BIGINT    NOT NULL
);
-- Tokens with neither an audience nor a key of their own: those of a second such API would pass for the first one's.
CREATE UNIQUE INDEX apis_claims_key ON apis (claims) WHERE claims = 'tutorial' AND token_format = 'jwt' AND signing_alg <> 'HS256';

-- Identifiers with a space between. Empty means our own API, which is what an older node gives.
ALTER TABLE clients ADD COLUMN default_resource TEXT NOT NULL DEFAULT '';
ALTER TABLE codes ADD COLUMN resource TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN resource TEXT NOT NULL DEFAULT '';
-- How the family began.
ALTER TABLE families ADD COLUMN grant_type TEXT NOT NULL DEFAULT 'authorization_code';
CREATE INDEX families_expiry ON families (expires_at) WHERE grant_type <> 'authorization_code';
-- The API that the client is, and that it introspects for; empty for none.
ALTER TABLE clients ADD COLUMN resource_server TEXT NOT NULL DEFAULT '';

-- Opaque access tokens.
CREATE TABLE access_tokens (
    hash       TEXT      NOT NULL PRIMARY KEY,
    jti        TEXT      NOT NULL,
    api_id     TEXT      NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
    -- the family, or the grant of a client that acts as itself
    grant_id   TEXT      NOT NULL,
    client_id  TEXT      NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    subject    TEXT      NOT NULL,
    scope      TEXT      NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at);
CREATE INDEX access_tokens_api ON access_tokens (api_id);
CREATE INDEX access_tokens_client ON access_tokens (client_id);

-- +goose Down
DROP TABLE access_tokens;
ALTER TABLE clients DROP COLUMN resource_server;
DROP INDEX families_expiry;
ALTER TABLE families DROP COLUMN grant_type;
ALTER TABLE families DROP COLUMN resource;
ALTER TABLE codes DROP COLUMN resource;
ALTER TABLE clients DROP COLUMN default_resource;
DROP TABLE apis;
