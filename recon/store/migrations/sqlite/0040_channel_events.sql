-- +goose Up
CREATE TABLE channel_events (
	key_id      TEXT NOT NULL,
	line_id     TEXT NOT NULL,
	key_kind    TEXT NOT NULL,
	contradicts TEXT NOT NULL,
	day         TEXT NOT NULL,
	received_us INTEGER NOT NULL,
	body        BLOB NOT NULL,
	PRIMARY KEY (key_id, line_id, key_kind, contradicts)
) WITHOUT ROWID;
CREATE INDEX channel_events_day ON channel_events (line_id, day, key_id, key_kind, contradicts);

-- +goose Down
DROP TABLE channel_events;
