-- +goose Up
CREATE TABLE case_events (
	part       INTEGER NOT NULL,
	case_id    TEXT NOT NULL,
	seq        INTEGER NOT NULL,
	at_us      INTEGER NOT NULL,
	actor      TEXT NOT NULL,
	action     TEXT NOT NULL,
	from_state TEXT NOT NULL,
	to_state   TEXT NOT NULL,
	note       TEXT NOT NULL,
	sha256     TEXT NOT NULL,
	audit      TEXT NOT NULL,
	trace      TEXT NOT NULL,
	gap_minor    INTEGER NOT NULL,
	gap_currency TEXT NOT NULL,
	resolution   TEXT NOT NULL,
	PRIMARY KEY (part, case_id, seq)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE case_events;
