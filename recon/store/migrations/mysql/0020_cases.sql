-- +goose Up
CREATE TABLE cases (
	part         TINYINT NOT NULL,
	id           VARBINARY(32) NOT NULL,
	version      BIGINT NOT NULL,
	batch        VARBINARY(512) NOT NULL,
	statement    VARBINARY(384) NOT NULL,
	channel      VARBINARY(64) NOT NULL,
	account      VARBINARY(128) NOT NULL,
	day          VARBINARY(10) NOT NULL,
	break_name   VARBINARY(32) NOT NULL,
	class        VARBINARY(16) NOT NULL,
	key_kind     VARBINARY(32) NOT NULL,
	key_id       VARBINARY(255) NOT NULL,
	occurrence   BIGINT NOT NULL,
	order_id     VARBINARY(255) NOT NULL,
	gap_minor    BIGINT NOT NULL,
	gap_currency VARBINARY(3) NOT NULL,
	state        VARBINARY(16) NOT NULL,
	resolution   VARBINARY(16) NOT NULL,
	owner        VARBINARY(128) NOT NULL,
	trace        VARBINARY(64) NOT NULL,
	expected_us  BIGINT NOT NULL,
	opened_us    BIGINT NOT NULL,
	due_us       BIGINT NOT NULL,
	closed_us    BIGINT NOT NULL,
	facts        VARBINARY(64) NOT NULL,
	detail       MEDIUMBLOB NOT NULL,
	PRIMARY KEY (part, id),
	KEY cases_key (part, key_id),
	KEY cases_opened (opened_us, id),
	KEY cases_due (closed_us, due_us)
) ENGINE = InnoDB PARTITION BY HASH (part) PARTITIONS 64;

-- +goose Down
DROP TABLE cases;
