-- +goose Up
CREATE TABLE statements (
	id             VARBINARY(255) NOT NULL PRIMARY KEY,
	day            VARBINARY(10) NOT NULL,
	phase          VARBINARY(16) NOT NULL,
	why            TEXT CHARACTER SET utf8mb4 NOT NULL,
	since_us       BIGINT NOT NULL,
	due_us         BIGINT NOT NULL,
	next_us        BIGINT NOT NULL,
	attempts       BIGINT NOT NULL,
	batch          VARBINARY(400) NOT NULL,
	versions       BIGINT NOT NULL,
	round_no       BIGINT NOT NULL,
	ready_us       BIGINT NOT NULL,
	provisional_us BIGINT NOT NULL,
	closed_us      BIGINT NOT NULL,
	worker         VARBINARY(128) NOT NULL,
	fence          BIGINT NOT NULL,
	beat           BIGINT NOT NULL
) ENGINE = InnoDB;

-- +goose Down
DROP TABLE statements;
