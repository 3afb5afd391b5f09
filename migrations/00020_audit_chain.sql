-- +goose Up
-- What proves that the audit log is whole (security.md rule 26). Events are added without it; one node at a time seals them.
CREATE TABLE audit_seals (
    class      TEXT   NOT NULL,
    -- in the order of sealing, without a gap; ids are in that of time, and some are committed late
    seq        BIGINT NOT NULL,
    -- no foreign key: a seal outlives its event for a while
    event_id   TEXT   NOT NULL UNIQUE,
    -- the key of the commitment; empty once something of the event was erased, so that nobody can try what it was
    salt       TEXT   NOT NULL,
    commitment TEXT   NOT NULL,
    mac        TEXT   NOT NULL,
    -- proves what an erasure left of the event; empty before
    erased     TEXT   NOT NULL,
    PRIMARY KEY (class, seq)
);

-- Where the chain of each class begins and ends, signed as a whole.
CREATE TABLE audit_chains (
    class          TEXT      NOT NULL PRIMARY KEY,
    -- the seal before the first that is left
    start_seq      BIGINT    NOT NULL,
    start_mac      TEXT      NOT NULL,
    -- events before this one may be gone
    expired_before TIMESTAMP NOT NULL,
    seq            BIGINT    NOT NULL,
    mac            TEXT      NOT NULL,
    -- how far events were looked for
    sealed_until   TIMESTAMP NOT NULL,
    proof          TEXT      NOT NULL
);

-- People who were deleted and are still to be erased from the audit log.
CREATE TABLE erasures (
    user_id  TEXT      NOT NULL PRIMARY KEY,
    asked_at TIMESTAMP NOT NULL
);

-- Verifications of the chain that the console was asked for, and what came of them.
CREATE TABLE audit_verifications (
    id          TEXT      NOT NULL PRIMARY KEY,
    asked_at    TIMESTAMP NOT NULL,
    asked_by    TEXT      NOT NULL,
    -- when whoever verifies was last heard of
    seen_at     TIMESTAMP,
    finished_at TIMESTAMP,
    -- JSON
    result      TEXT      NOT NULL
);

-- What people look for in a list again and again.
CREATE TABLE saved_filters (
    id         TEXT      NOT NULL PRIMARY KEY,
    user_id    TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    list       TEXT      NOT NULL,
    name       TEXT      NOT NULL,
    query      TEXT      NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (user_id, list, name)
);

-- +goose Down
DROP TABLE saved_filters;
DROP TABLE audit_verifications;
DROP TABLE erasures;
DROP TABLE audit_chains;
DROP TABLE audit_seals;
