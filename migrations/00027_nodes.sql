-- +goose Up
-- The servers that work on this database. Each says so every few seconds.
CREATE TABLE nodes (
    id         TEXT      NOT NULL PRIMARY KEY,
    address    TEXT      NOT NULL,
    version    TEXT      NOT NULL,
    commit_id  TEXT      NOT NULL,
    started_at TIMESTAMP NOT NULL,
    seen_at    TIMESTAMP NOT NULL
);
CREATE INDEX nodes_seen ON nodes (seen_at);

-- +goose Down
DROP TABLE nodes;
