-- +goose Up
CREATE TABLE audit_events (
    id          TEXT      NOT NULL PRIMARY KEY,
    at          TIMESTAMP NOT NULL,
    action      TEXT      NOT NULL,
    outcome     TEXT      NOT NULL,
    actor_kind  TEXT      NOT NULL,
    actor_id    TEXT      NOT NULL,
    actor_name  TEXT      NOT NULL,
    target_kind TEXT      NOT NULL,
    target_id   TEXT      NOT NULL,
    target_name TEXT      NOT NULL,
    client_id   TEXT      NOT NULL,
    user_id     TEXT      NOT NULL,
    ip          TEXT      NOT NULL,
    user_agent  TEXT      NOT NULL,
    request_id  TEXT      NOT NULL,
    error       TEXT      NOT NULL,
    -- why it was refused, JSON; empty for none
    cause       TEXT      NOT NULL,
    -- what was changed, JSON; empty for nothing
    changes     TEXT      NOT NULL,
    count       BIGINT    NOT NULL
);
CREATE INDEX audit_events_at ON audit_events (at, id);
CREATE INDEX audit_events_request ON audit_events (request_id);
CREATE INDEX audit_events_client ON audit_events (client_id, at);
CREATE INDEX audit_events_user ON audit_events (user_id, at);

-- +goose Down
DROP TABLE audit_events;
