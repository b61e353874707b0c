-- +goose Up
CREATE TABLE provisional_closes (
	statement TEXT NOT NULL PRIMARY KEY,
	body      BLOB NOT NULL
);

-- +goose Down
DROP TABLE provisional_closes;
