-- +goose Up
CREATE INDEX statements_day ON statements (day);

-- +goose Down
DROP INDEX statements_day ON statements;
