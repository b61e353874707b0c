-- +goose Up
ALTER TABLE operations ADD COLUMN retired TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE operations DROP COLUMN retired;
