-- +goose Up
-- What takes longer than a request: done in parts, by whichever node holds its lease.
CREATE TABLE jobs (
    id           TEXT      NOT NULL PRIMARY KEY,
    kind         TEXT      NOT NULL,
    -- staging, queued, waiting (for a person), done, failed or cancelled
    state        TEXT      NOT NULL,
    -- what is being done, where a kind has several steps
    phase        TEXT      NOT NULL,
    -- JSON that the kind reads
    params       TEXT      NOT NULL,
    -- how far it is: where the next part begins, and how many of how many are done
    position     BIGINT    NOT NULL,
    done         BIGINT    NOT NULL,
    total        BIGINT    NOT NULL,
    problem      TEXT      NOT NULL,
    -- what came of it, JSON
    result       TEXT      NOT NULL,
    creator_kind TEXT      NOT NULL,
    creator_id   TEXT      NOT NULL,
    creator_name TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL
);
CREATE INDEX jobs_state ON jobs (state, id);
CREATE INDEX jobs_kind ON jobs (kind, id);
CREATE INDEX jobs_age ON jobs (updated_at);

-- The lines of a file of people, until their job is over; those that were refused stay as long as the job.
CREATE TABLE import_rows (
    job_id       TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line         BIGINT NOT NULL,
    -- the line's values by column, JSON
    data         TEXT   NOT NULL,
    username_key TEXT   NOT NULL,
    email_key    TEXT   NOT NULL,
    -- empty until it is judged; then create, update, skip or refused; then created or updated
    outcome      TEXT   NOT NULL,
    -- why it is refused, and for which column
    field        TEXT   NOT NULL,
    problem      TEXT   NOT NULL,
    PRIMARY KEY (job_id, line)
);
CREATE INDEX import_rows_username ON import_rows (job_id, username_key);
CREATE INDEX import_rows_email ON import_rows (job_id, email_key);
CREATE INDEX import_rows_outcome ON import_rows (job_id, outcome, line);

-- +goose Down
DROP TABLE import_rows;
DROP TABLE jobs;
