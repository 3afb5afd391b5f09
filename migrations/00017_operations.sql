-- +goose Up
-- What one node does for all.
CREATE TABLE leases (
    name       TEXT      NOT NULL PRIMARY KEY,
    holder     TEXT      NOT NULL,
    expires_at TIMESTAMP NOT NULL
);

-- How far a sweep has looked that looks at each row once.
CREATE TABLE sweep_marks (
    name TEXT      NOT NULL PRIMARY KEY,
    mark TIMESTAMP NOT NULL
);

-- What is swept is found by an index.
CREATE INDEX reset_links_expiry ON reset_links (expires_at);
CREATE INDEX known_devices_age ON known_devices (last_seen_at);
CREATE INDEX codes_family ON codes (family_id);
CREATE INDEX families_ended_at ON families (ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX families_over ON families (expires_at, id);

-- What ACME needs on every node: its account's key, certificates and their keys, all sealed.
CREATE TABLE acme_cache (
    name       TEXT      NOT NULL PRIMARY KEY,
    sealed     TEXT      NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

-- +goose Down
DROP TABLE acme_cache;
DROP INDEX families_over;
DROP INDEX families_ended_at;
DROP INDEX codes_family;
DROP INDEX known_devices_age;
DROP INDEX reset_links_expiry;
DROP TABLE sweep_marks;
DROP TABLE leases;
