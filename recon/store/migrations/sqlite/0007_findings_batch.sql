-- +goose Up
CREATE INDEX findings_batch ON findings (batch, key_id, key_kind, occurrence);

-- +goose Down
DROP INDEX findings_batch;
