-- +goose Up
CREATE TABLE write_offs (
	batch TEXT NOT NULL,
	entry TEXT NOT NULL,
	body  BLOB NOT NULL,
	PRIMARY KEY (batch, entry)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE write_offs;
