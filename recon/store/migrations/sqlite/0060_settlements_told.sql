-- +goose Up
ALTER TABLE settlements ADD COLUMN told TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE settlements DROP COLUMN told;
