-- +goose Up
CREATE TABLE channel_events (
	key_id      VARBINARY(255) NOT NULL,
	line_id     VARBINARY(200) NOT NULL,
	key_kind    VARBINARY(16) NOT NULL,
	contradicts VARBINARY(64) NOT NULL,
	day         VARBINARY(10) NOT NULL,
	received_us BIGINT NOT NULL,
	body        MEDIUMBLOB NOT NULL,
	PRIMARY KEY (key_id, line_id, key_kind, contradicts),
	KEY channel_events_day (line_id, day, key_id, key_kind, contradicts)
) ENGINE = InnoDB PARTITION BY KEY (key_id) PARTITIONS 64;

-- +goose Down
DROP TABLE channel_events;
