-- +goose Up
-- How long what a client is given holds, in seconds; 0 for the server's own, which is what an older node gives.
ALTER TABLE clients ADD COLUMN access_token_ttl BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN id_token_ttl BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN refresh_token_ttl BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN refresh_token_idle BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE clients DROP COLUMN refresh_token_idle;
ALTER TABLE clients DROP COLUMN refresh_token_ttl;
ALTER TABLE clients DROP COLUMN id_token_ttl;
ALTER TABLE clients DROP COLUMN access_token_ttl;
