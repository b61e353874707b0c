-- +goose Up
CREATE TABLE batches (
	id         TEXT NOT NULL PRIMARY KEY,
	statement  TEXT NOT NULL,
	number     INTEGER NOT NULL,
	state      TEXT NOT NULL,
	version    INTEGER NOT NULL,
	superseded TEXT NOT NULL,
	file       BLOB NOT NULL,
	result     BLOB,
	changed    BLOB,
	made_us    INTEGER NOT NULL,
	moved_us   INTEGER NOT NULL,
	UNIQUE (statement, number)
);

-- +goose Down
DROP TABLE batches;
