-- +goose Up
CREATE INDEX operations_due ON operations (state, due_us);

-- +goose Down
DROP INDEX operations_due ON operations;
