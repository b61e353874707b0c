-- +goose Up
CREATE TABLE payments (
	id       TEXT NOT NULL PRIMARY KEY,
	digest   TEXT NOT NULL,
	payload  BLOB NOT NULL,
	state    TEXT NOT NULL,
	version  INTEGER NOT NULL,
	txn      TEXT NOT NULL,
	made_us  INTEGER NOT NULL,
	moved_us INTEGER NOT NULL
);

-- +goose Down
DROP TABLE payments;
