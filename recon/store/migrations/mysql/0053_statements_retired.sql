-- +goose Up
ALTER TABLE statements ADD COLUMN retired VARBINARY(32) NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE statements DROP COLUMN retired;
