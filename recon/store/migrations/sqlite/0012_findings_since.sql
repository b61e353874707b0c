-- +goose Up
CREATE TABLE findings_since (
	key_id     TEXT NOT NULL,
	batch      TEXT NOT NULL,
	key_kind   TEXT NOT NULL,
	occurrence INTEGER NOT NULL,
	since      TEXT NOT NULL,
	break_name TEXT NOT NULL,
	body       BLOB NOT NULL,
	PRIMARY KEY (key_id, batch, key_kind, occurrence, since, break_name)
);
INSERT INTO findings_since (key_id, batch, key_kind, occurrence, since, break_name, body) SELECT key_id, batch, key_kind, occurrence, '', break_name, body FROM findings;
DROP TABLE findings;
ALTER TABLE findings_since RENAME TO findings;
CREATE INDEX findings_batch ON findings (batch, key_id, key_kind, occurrence, since, break_name);

-- +goose Down
CREATE TABLE findings_before (
	key_id     TEXT NOT NULL,
	batch      TEXT NOT NULL,
	key_kind   TEXT NOT NULL,
	occurrence INTEGER NOT NULL,
	break_name TEXT NOT NULL,
	body       BLOB NOT NULL,
	PRIMARY KEY (key_id, batch, key_kind, occurrence)
);
INSERT INTO findings_before (key_id, batch, key_kind, occurrence, break_name, body) SELECT key_id, batch, key_kind, occurrence, break_name, body FROM findings WHERE since = '';
DROP TABLE findings;
ALTER TABLE findings_before RENAME TO findings;
CREATE INDEX findings_batch ON findings (batch, key_id, key_kind, occurrence);
