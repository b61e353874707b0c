-- +goose Up
CREATE TABLE days (
	day       VARBINARY(10) NOT NULL PRIMARY KEY,
	closed_us BIGINT NOT NULL,
	body      MEDIUMBLOB NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE days;
