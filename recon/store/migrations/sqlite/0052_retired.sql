-- +goose Up
CREATE TABLE retired (
	sha256     TEXT NOT NULL PRIMARY KEY,
	name       TEXT NOT NULL,
	first_day  TEXT NOT NULL,
	last_day   TEXT NOT NULL,
	row_count  INTEGER NOT NULL,
	size       INTEGER NOT NULL,
	at_us      INTEGER NOT NULL,
	removed_us INTEGER NOT NULL
);

-- +goose Down
DROP TABLE retired;
