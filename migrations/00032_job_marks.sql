-- +goose Up
-- The id of the last thing that a job has seen to, where it goes through a list.
ALTER TABLE jobs ADD COLUMN mark TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE jobs DROP COLUMN mark;
