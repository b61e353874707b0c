-- +goose Up
CREATE INDEX statements_next ON statements (next_us);

-- +goose Down
DROP INDEX statements_next;
