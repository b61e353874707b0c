-- +goose Up
CREATE TABLE statements (
	id             TEXT NOT NULL PRIMARY KEY,
	day            TEXT NOT NULL,
	phase          TEXT NOT NULL,
	why            TEXT NOT NULL,
	since_us       INTEGER NOT NULL,
	due_us         INTEGER NOT NULL,
	next_us        INTEGER NOT NULL,
	attempts       INTEGER NOT NULL,
	batch          TEXT NOT NULL,
	versions       INTEGER NOT NULL,
	round_no       INTEGER NOT NULL,
	ready_us       INTEGER NOT NULL,
	provisional_us INTEGER NOT NULL,
	closed_us      INTEGER NOT NULL,
	worker         TEXT NOT NULL,
	fence          INTEGER NOT NULL,
	beat           INTEGER NOT NULL
);

-- +goose Down
DROP TABLE statements;
