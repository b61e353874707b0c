-- +goose Up
ALTER TABLE operations ADD COLUMN date_us BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE operations DROP COLUMN date_us;
