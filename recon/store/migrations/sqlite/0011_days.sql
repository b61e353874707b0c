-- +goose Up
CREATE TABLE days (
	day       TEXT NOT NULL PRIMARY KEY,
	closed_us INTEGER NOT NULL,
	body      BLOB NOT NULL
);

-- +goose Down
DROP TABLE days;
