-- +goose Up
CREATE TABLE sessions (
    id           TEXT      NOT NULL PRIMARY KEY,
    token_hash   TEXT      NOT NULL UNIQUE,
    user_id      TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    auth_time    TIMESTAMP NOT NULL,
    amr          TEXT      NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    ended_at     TIMESTAMP,
    end_reason   TEXT      NOT NULL,
    ip           TEXT      NOT NULL,
    user_agent   TEXT      NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, ended_at);

-- Browsers in which a person has signed in before: they pass the brute-force counters.
CREATE TABLE known_devices (
    user_id      TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device_hash  TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    last_seen_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, device_hash)
);

-- Wrong passwords, by a MAC of account and network (a day's total: of account and day). Names are never stored.
CREATE TABLE signin_attempts (
    key             TEXT      NOT NULL PRIMARY KEY,
    failures        BIGINT    NOT NULL,
    last_failure_at TIMESTAMP NOT NULL,
    paused_until    TIMESTAMP NOT NULL
);
CREATE INDEX signin_attempts_age ON signin_attempts (last_failure_at);

-- +goose Down
DROP TABLE signin_attempts;
DROP TABLE known_devices;
DROP TABLE sessions;
