-- +goose Up
CREATE INDEX operations_retired ON operations (retired, state, moved_us);

-- +goose Down
DROP INDEX operations_retired ON operations;
