-- +goose Up
-- An application of our own, for which nobody is asked to consent. An older node asks all the same.
ALTER TABLE clients ADD COLUMN first_party BOOLEAN NOT NULL DEFAULT FALSE;

-- Lists of clients by age, the same age by name.
CREATE INDEX clients_age ON clients (created_at, search_key);

-- +goose Down
DROP INDEX clients_age;
ALTER TABLE clients DROP COLUMN first_party;
