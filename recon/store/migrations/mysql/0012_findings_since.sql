-- +goose Up
ALTER TABLE findings
	ADD COLUMN since VARBINARY(10) NOT NULL DEFAULT '' AFTER break_name,
	DROP PRIMARY KEY,
	ADD PRIMARY KEY (key_id, batch, key_kind, occurrence, since, break_name);

-- +goose Down
ALTER TABLE findings
	DROP PRIMARY KEY,
	DROP COLUMN since,
	ADD PRIMARY KEY (key_id, batch, key_kind, occurrence);
