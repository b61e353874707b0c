-- +goose Up
ALTER TABLE statements ADD COLUMN stage VARCHAR(1024) CHARACTER SET utf8mb4 NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE statements DROP COLUMN stage;
