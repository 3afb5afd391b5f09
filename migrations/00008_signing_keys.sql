-- +goose Up
CREATE TABLE signing_keys (
    kid            TEXT      NOT NULL PRIMARY KEY,
    alg            TEXT      NOT NULL,
    public_jwk     TEXT      NOT NULL,
    private_sealed TEXT      NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    active_from    TIMESTAMP NOT NULL
);

-- +goose Down
DROP TABLE signing_keys;
