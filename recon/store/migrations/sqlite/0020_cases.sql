-- +goose Up
CREATE TABLE cases (
	part         INTEGER NOT NULL,
	id           TEXT NOT NULL,
	version      INTEGER NOT NULL,
	batch        TEXT NOT NULL,
	statement    TEXT NOT NULL,
	channel      TEXT NOT NULL,
	account      TEXT NOT NULL,
	day          TEXT NOT NULL,
	break_name   TEXT NOT NULL,
	class        TEXT NOT NULL,
	key_kind     TEXT NOT NULL,
	key_id       TEXT NOT NULL,
	occurrence   INTEGER NOT NULL,
	order_id     TEXT NOT NULL,
	gap_minor    INTEGER NOT NULL,
	gap_currency TEXT NOT NULL,
	state        TEXT NOT NULL,
	resolution   TEXT NOT NULL,
	owner        TEXT NOT NULL,
	trace        TEXT NOT NULL,
	expected_us  INTEGER NOT NULL,
	opened_us    INTEGER NOT NULL,
	due_us       INTEGER NOT NULL,
	closed_us    INTEGER NOT NULL,
	facts        TEXT NOT NULL,
	detail       BLOB NOT NULL,
	PRIMARY KEY (part, id)
) WITHOUT ROWID;
CREATE INDEX cases_key ON cases (part, key_id);
CREATE INDEX cases_opened ON cases (opened_us, id);
CREATE INDEX cases_due ON cases (closed_us, due_us);

-- +goose Down
DROP TABLE cases;
