-- +goose Up
ALTER TABLE operations ADD COLUMN retired VARBINARY(64) NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE operations DROP COLUMN retired;
