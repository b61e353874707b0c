-- +goose Up
CREATE TABLE provisional_closes (
	statement VARBINARY(255) NOT NULL PRIMARY KEY,
	body      MEDIUMBLOB NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE provisional_closes;
