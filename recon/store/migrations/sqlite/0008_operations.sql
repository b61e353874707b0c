-- +goose Up
CREATE TABLE operations (
	id          TEXT NOT NULL PRIMARY KEY,
	kind        TEXT NOT NULL,
	digest      TEXT NOT NULL,
	payload     BLOB NOT NULL,
	state       TEXT NOT NULL,
	version     INTEGER NOT NULL,
	due_us      INTEGER NOT NULL,
	rest        INTEGER NOT NULL,
	answer      BLOB,
	made_us     INTEGER NOT NULL,
	moved_us    INTEGER NOT NULL
);

-- +goose Down
DROP TABLE operations;
