-- +goose Up
ALTER TABLE statements ADD COLUMN retired TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE statements DROP COLUMN retired;
