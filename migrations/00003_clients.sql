-- +goose Up
CREATE TABLE clients (
    id                           TEXT      NOT NULL PRIMARY KEY,
    client_name                  TEXT      NOT NULL,
    application_type             TEXT      NOT NULL,
    redirect_uris                TEXT      NOT NULL,
    grant_types                  TEXT      NOT NULL,
    scope                        TEXT      NOT NULL,
    token_endpoint_auth_method   TEXT      NOT NULL,
    id_token_signed_response_alg TEXT      NOT NULL,
    require_pkce                 BOOLEAN   NOT NULL,
    client_uri                   TEXT      NOT NULL,
    policy_uri                   TEXT      NOT NULL,
    tos_uri                      TEXT      NOT NULL,
    contacts                     TEXT      NOT NULL,
    -- names the grant of client_credentials; replaced to end all of its tokens
    grant_id                     TEXT      NOT NULL,
    -- folded name and id: the order of lists
    search_key                   TEXT      NOT NULL UNIQUE,
    -- folded name, id and redirect URIs: what the search looks into
    search_text                  TEXT      NOT NULL,
    disabled_at                  TIMESTAMP,
    created_at                   TIMESTAMP NOT NULL,
    updated_at                   TIMESTAMP NOT NULL,
    version                      BIGINT    NOT NULL
);

CREATE TABLE client_secrets (
    id           TEXT      NOT NULL PRIMARY KEY,
    client_id    TEXT      NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    hash         TEXT      NOT NULL,
    hint         TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP,
    last_used_at TIMESTAMP,
    revoked_at   TIMESTAMP,
    UNIQUE (client_id, hash)
);

-- +goose Down
DROP TABLE client_secrets;
DROP TABLE clients;
