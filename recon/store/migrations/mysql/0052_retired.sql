-- +goose Up
CREATE TABLE retired (
	sha256     VARBINARY(64) NOT NULL PRIMARY KEY,
	name       VARBINARY(32) NOT NULL,
	first_day  VARBINARY(10) NOT NULL,
	last_day   VARBINARY(10) NOT NULL,
	row_count  BIGINT NOT NULL,
	size       BIGINT NOT NULL,
	at_us      BIGINT NOT NULL,
	removed_us BIGINT NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE retired;
