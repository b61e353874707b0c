-- +goose Up
ALTER TABLE cases DROP COLUMN trace;

-- +goose Down
ALTER TABLE cases ADD COLUMN trace TEXT NOT NULL DEFAULT '';
