-- +goose Up
CREATE TABLE retention (
	id      BIGINT NOT NULL PRIMARY KEY,
	next_us BIGINT NOT NULL,
	worker  VARBINARY(128) NOT NULL,
	fence   BIGINT NOT NULL,
	beat    BIGINT NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE retention;
