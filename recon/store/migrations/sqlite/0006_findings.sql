-- +goose Up
CREATE TABLE findings (
	key_id     TEXT NOT NULL,
	batch      TEXT NOT NULL,
	key_kind   TEXT NOT NULL,
	occurrence INTEGER NOT NULL,
	break_name TEXT NOT NULL,
	body       BLOB NOT NULL,
	PRIMARY KEY (key_id, batch, key_kind, occurrence)
);

-- +goose Down
DROP TABLE findings;
