-- +goose Up
-- Pictures as we made them, by the SHA-256 of their bytes in hexadecimal. One that nothing shows is kept for a while: it may be in a form.
CREATE TABLE images (
    hash    TEXT      NOT NULL PRIMARY KEY,
    -- in base64
    png     TEXT      NOT NULL,
    kept_at TIMESTAMP NOT NULL
);
CREATE INDEX images_kept_at ON images (kept_at);

-- What people recognise an application by. An older node leaves them as they are.
ALTER TABLE clients ADD COLUMN logo TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN accent TEXT NOT NULL DEFAULT '';
CREATE INDEX clients_logo ON clients (logo) WHERE logo <> '';

-- +goose Down
DROP INDEX clients_logo;
ALTER TABLE clients DROP COLUMN accent;
ALTER TABLE clients DROP COLUMN logo;
DROP TABLE images;
