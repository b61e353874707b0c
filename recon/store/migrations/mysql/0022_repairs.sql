-- +goose Up
CREATE TABLE repairs (
	part     TINYINT NOT NULL,
	id       VARBINARY(32) NOT NULL,
	case_id  VARBINARY(32) NOT NULL,
	version  BIGINT NOT NULL,
	state    VARBINARY(16) NOT NULL,
	kind     VARBINARY(16) NOT NULL,
	proposer VARBINARY(128) NOT NULL,
	approver VARBINARY(128) NOT NULL,
	made_us  BIGINT NOT NULL,
	moved_us BIGINT NOT NULL,
	body     MEDIUMBLOB NOT NULL,
	outcome  BLOB NOT NULL,
	PRIMARY KEY (part, id),
	KEY repairs_case (part, case_id),
	KEY repairs_state (state, moved_us)
) ENGINE = InnoDB PARTITION BY HASH (part) PARTITIONS 64;

-- +goose Down
DROP TABLE repairs;
