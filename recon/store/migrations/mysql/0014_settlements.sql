-- +goose Up
CREATE TABLE settlements (
	batch      VARBINARY(400) NOT NULL,
	key_id     VARBINARY(255) NOT NULL,
	key_kind   VARBINARY(16) NOT NULL,
	occurrence BIGINT NOT NULL,
	since      VARBINARY(10) NOT NULL,
	break_name VARBINARY(32) NOT NULL,
	fate       VARBINARY(16) NOT NULL,
	PRIMARY KEY (batch, key_id, key_kind, occurrence, since, break_name)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE settlements;
