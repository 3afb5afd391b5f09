-- +goose Up
-- What administrators have settled otherwise than it is by itself. Their revision names the state of them all.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO revisions (name, revision) VALUES ('settings', 'first');

-- +goose Down
DELETE FROM revisions WHERE name = 'settings';
DROP TABLE settings;
