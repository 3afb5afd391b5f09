-- +goose Up
CREATE TABLE scopes (
    name        TEXT      NOT NULL PRIMARY KEY,
    description TEXT      NOT NULL,
    builtin     BOOLEAN   NOT NULL,
    created_at  TIMESTAMP NOT NULL
);
INSERT INTO scopes (name, description, builtin, created_at) VALUES
    ('openid', 'Know who you are', TRUE, '1970-01-01 00:00:00'),
    ('profile', 'See your name and profile', TRUE, '1970-01-01 00:00:00'),
    ('email', 'See your e-mail address', TRUE, '1970-01-01 00:00:00'),
    ('address', 'See your postal address', TRUE, '1970-01-01 00:00:00'),
    ('phone', 'See your phone number', TRUE, '1970-01-01 00:00:00'),
    ('offline_access', 'Keep access while you are away', TRUE, '1970-01-01 00:00:00');

-- +goose Down
DROP TABLE scopes;
