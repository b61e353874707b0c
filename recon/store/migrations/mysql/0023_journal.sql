-- +goose Up
CREATE TABLE journal (
	entry      VARBINARY(64) NOT NULL,
	line       BIGINT NOT NULL,
	at_us      BIGINT NOT NULL,
	batch      VARBINARY(512) NOT NULL,
	channel    VARBINARY(64) NOT NULL,
	day        VARBINARY(10) NOT NULL,
	account    VARBINARY(64) NOT NULL,
	minor      BIGINT NOT NULL,
	currency   VARBINARY(3) NOT NULL,
	key_kind   VARBINARY(32) NOT NULL,
	key_id     VARBINARY(255) NOT NULL,
	why        VARBINARY(128) NOT NULL,
	PRIMARY KEY (entry, line)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE journal;
