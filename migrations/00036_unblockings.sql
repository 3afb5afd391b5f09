-- +goose Up
-- Each node counts by itself who asks too much: this tells all of them whom somebody let go on.
CREATE TABLE unblockings (
    id TEXT PRIMARY KEY,
    what TEXT NOT NULL,
    who TEXT NOT NULL,
    at TIMESTAMP NOT NULL
);
CREATE INDEX unblockings_at ON unblockings (at);

-- +goose Down
DROP TABLE unblockings;
