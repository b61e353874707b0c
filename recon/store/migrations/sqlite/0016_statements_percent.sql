-- +goose Up
ALTER TABLE statements ADD COLUMN percent INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE statements DROP COLUMN percent;
