-- +goose Up
CREATE TABLE operations (
	id          VARBINARY(255) NOT NULL PRIMARY KEY,
	kind        VARBINARY(32) NOT NULL,
	digest      VARBINARY(64) NOT NULL,
	payload     MEDIUMBLOB NOT NULL,
	state       VARBINARY(16) NOT NULL,
	version     BIGINT NOT NULL,
	due_us      BIGINT NOT NULL,
	rest        BIGINT NOT NULL,
	answer      MEDIUMBLOB,
	made_us     BIGINT NOT NULL,
	moved_us    BIGINT NOT NULL
) ENGINE = InnoDB PARTITION BY KEY (id) PARTITIONS 64;

-- +goose Down
DROP TABLE operations;
