-- +goose Up
CREATE TABLE retention (
	id      INTEGER NOT NULL PRIMARY KEY,
	next_us INTEGER NOT NULL,
	worker  TEXT NOT NULL,
	fence   INTEGER NOT NULL,
	beat    INTEGER NOT NULL
);

-- +goose Down
DROP TABLE retention;
