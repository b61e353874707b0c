-- +goose Up
CREATE INDEX statements_retired ON statements (retired, day);

-- +goose Down
DROP INDEX statements_retired ON statements;
