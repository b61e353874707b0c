-- +goose Up
CREATE TABLE write_offs (
	batch VARBINARY(400) NOT NULL,
	entry VARBINARY(64) NOT NULL,
	body  MEDIUMBLOB NOT NULL,
	PRIMARY KEY (batch, entry)
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE write_offs;
