-- +goose Up
-- Names the state of what is kept in memory: whoever reads the name knows whether their copy holds. Each change gives a new one.
CREATE TABLE revisions (
    name     TEXT NOT NULL PRIMARY KEY,
    revision TEXT NOT NULL
);
INSERT INTO revisions (name, revision) VALUES ('catalog', 'first');

-- +goose Down
DROP TABLE revisions;
