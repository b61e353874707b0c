-- +goose Up
ALTER TABLE settlements ADD COLUMN told VARBINARY(10) NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE settlements DROP COLUMN told;
