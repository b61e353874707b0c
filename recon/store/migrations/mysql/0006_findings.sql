-- +goose Up
CREATE TABLE findings (
	key_id     VARBINARY(255) NOT NULL,
	batch      VARBINARY(400) NOT NULL,
	key_kind   VARBINARY(16) NOT NULL,
	occurrence BIGINT NOT NULL,
	break_name VARBINARY(32) NOT NULL,
	body       MEDIUMBLOB NOT NULL,
	PRIMARY KEY (key_id, batch, key_kind, occurrence)
) ENGINE = InnoDB PARTITION BY KEY (key_id) PARTITIONS 64;

-- +goose Down
DROP TABLE findings;
