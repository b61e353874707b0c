-- +goose Up
INSERT INTO retention (id, next_us, worker, fence, beat) VALUES (1, 0, '', 0, 0);

-- +goose Down
DELETE FROM retention;
