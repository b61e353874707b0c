-- +goose Up
CREATE TABLE settlements (
	batch      TEXT NOT NULL,
	key_id     TEXT NOT NULL,
	key_kind   TEXT NOT NULL,
	occurrence INTEGER NOT NULL,
	since      TEXT NOT NULL,
	break_name TEXT NOT NULL,
	fate       TEXT NOT NULL,
	PRIMARY KEY (batch, key_id, key_kind, occurrence, since, break_name)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE settlements;
