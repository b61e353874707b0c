-- +goose Up
CREATE TABLE case_events (
	part       TINYINT NOT NULL,
	case_id    VARBINARY(32) NOT NULL,
	seq        BIGINT NOT NULL,
	at_us      BIGINT NOT NULL,
	actor      VARBINARY(128) NOT NULL,
	action     VARBINARY(32) NOT NULL,
	from_state VARBINARY(16) NOT NULL,
	to_state   VARBINARY(16) NOT NULL,
	note       BLOB NOT NULL,
	sha256     VARBINARY(64) NOT NULL,
	audit      VARBINARY(64) NOT NULL,
	trace      VARBINARY(64) NOT NULL,
	gap_minor    BIGINT NOT NULL,
	gap_currency VARBINARY(3) NOT NULL,
	resolution   VARBINARY(16) NOT NULL,
	PRIMARY KEY (part, case_id, seq)
) ENGINE = InnoDB PARTITION BY HASH (part) PARTITIONS 64;

-- +goose Down
DROP TABLE case_events;
