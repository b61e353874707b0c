-- +goose Up
CREATE TABLE batches (
	id         VARBINARY(400) NOT NULL PRIMARY KEY,
	statement  VARBINARY(255) NOT NULL,
	number     BIGINT NOT NULL,
	state      VARBINARY(16) NOT NULL,
	version    BIGINT NOT NULL,
	superseded VARBINARY(400) NOT NULL,
	file       MEDIUMBLOB NOT NULL,
	result     MEDIUMBLOB,
	changed    MEDIUMBLOB,
	made_us    BIGINT NOT NULL,
	moved_us   BIGINT NOT NULL,
	UNIQUE (statement, number)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE batches;
