-- +goose Up
CREATE TABLE journal (
	entry      TEXT NOT NULL,
	line       INTEGER NOT NULL,
	at_us      INTEGER NOT NULL,
	batch      TEXT NOT NULL,
	channel    TEXT NOT NULL,
	day        TEXT NOT NULL,
	account    TEXT NOT NULL,
	minor      INTEGER NOT NULL,
	currency   TEXT NOT NULL,
	key_kind   TEXT NOT NULL,
	key_id     TEXT NOT NULL,
	why        TEXT NOT NULL,
	PRIMARY KEY (entry, line)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE journal;
