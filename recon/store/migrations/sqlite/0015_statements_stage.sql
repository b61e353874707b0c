-- +goose Up
ALTER TABLE statements ADD COLUMN stage TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE statements DROP COLUMN stage;
