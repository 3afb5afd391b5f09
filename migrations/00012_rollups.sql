-- +goose Up
-- How often what happened, hour by hour: what overviews show without reading the events.
CREATE TABLE rollups (
    -- empty for all clients together
    client_id TEXT      NOT NULL,
    hour      TIMESTAMP NOT NULL,
    action    TEXT      NOT NULL,
    -- of a refusal: the rule that failed
    detail    TEXT      NOT NULL,
    count     BIGINT    NOT NULL,
    PRIMARY KEY (client_id, hour, action, detail)
);
CREATE INDEX rollups_hour ON rollups (hour);

-- When a client last did something that succeeded. Apart from the clients: their rows are held while grants begin.
CREATE TABLE client_uses (
    client_id    TEXT      NOT NULL PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    last_used_at TIMESTAMP NOT NULL
);

-- +goose Down
DROP TABLE client_uses;
DROP TABLE rollups;
