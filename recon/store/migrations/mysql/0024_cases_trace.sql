-- +goose Up
ALTER TABLE cases DROP COLUMN trace;

-- +goose Down
ALTER TABLE cases ADD COLUMN trace VARBINARY(64) NOT NULL DEFAULT '';
