-- +goose Up
ALTER TABLE signing_keys ADD COLUMN retired_at TIMESTAMP;
ALTER TABLE signing_keys ADD COLUMN compromised_at TIMESTAMP;

-- When something last happened that is too frequent to be an event each time.
CREATE TABLE last_times (
    name TEXT      NOT NULL PRIMARY KEY,
    at   TIMESTAMP NOT NULL
);

-- +goose Down
DROP TABLE last_times;
ALTER TABLE signing_keys DROP COLUMN compromised_at;
ALTER TABLE signing_keys DROP COLUMN retired_at;
