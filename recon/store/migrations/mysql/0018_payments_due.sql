-- +goose Up
CREATE INDEX payments_due ON payments (state, moved_us, id);

-- +goose Down
DROP INDEX payments_due ON payments;
