-- +goose Up
CREATE TABLE consents (
    user_id    TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id  TEXT      NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope      TEXT      NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, client_id, scope)
);
CREATE INDEX consents_client ON consents (client_id);

-- +goose Down
DROP TABLE consents;
