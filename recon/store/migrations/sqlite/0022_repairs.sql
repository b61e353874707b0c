-- +goose Up
CREATE TABLE repairs (
	part     INTEGER NOT NULL,
	id       TEXT NOT NULL,
	case_id  TEXT NOT NULL,
	version  INTEGER NOT NULL,
	state    TEXT NOT NULL,
	kind     TEXT NOT NULL,
	proposer TEXT NOT NULL,
	approver TEXT NOT NULL,
	made_us  INTEGER NOT NULL,
	moved_us INTEGER NOT NULL,
	body     BLOB NOT NULL,
	outcome  TEXT NOT NULL,
	PRIMARY KEY (part, id)
) WITHOUT ROWID;
CREATE INDEX repairs_case ON repairs (part, case_id);
CREATE INDEX repairs_state ON repairs (state, moved_us);

-- +goose Down
DROP TABLE repairs;
