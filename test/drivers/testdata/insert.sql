{mark}INSERT INTO pay (order_no, amount, rate, note, raw, d, at, t, f, flag) VALUES ('cli-1', 1, 1.25, 'plain', '', '2026-02-28', '2026-02-28 23:59:59.999999', '-07:00:00.000001', 0.1, 1);
{mark}INSERT INTO pay (order_no, note, raw) VALUES ('cli-2', 'it''s "so" \\ % \n;-- /* x */', x'00FF27');
{mark}INSERT INTO pay VALUES ('cli-3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM pay WHERE order_no = 'cli-3';
{mark}DELETE FROM pay WHERE order_no = 'cli-3';
{mark}INSERT INTO pay (order_no, note) VALUES ('cli-4-订单💰', '付款😀 ');
{mark}INSERT INTO pay (order_no) VALUES ('cli-1');
{mark}INSERT INTO flow (order_no, amount) VALUES ('cli-1', 12.34);
SELECT LAST_INSERT_ID() > 0;
{mark}INSERT INTO flow SET order_no = 'cli-2', amount = -5;
{mark}INSERT INTO pay (order_no, amount) VALUES ('cli-many-1', 1), ('cli-many-2', 2), ('cli-many-3', 3);
{mark}INSERT INTO pay (order_no, flag) VALUES ('cli-warning', 'x');
SHOW WARNINGS;
SELECT * FROM pay ORDER BY order_no;
SELECT order_no, amount FROM flow ORDER BY id;
BEGIN;
{mark}INSERT INTO pay (order_no, amount) VALUES ('cli-rolled-back', 1);
ROLLBACK;
START TRANSACTION;
{mark}INSERT INTO pay (order_no, amount) VALUES ('cli-tx', 1);
SAVEPOINT a;
{mark}INSERT INTO flow (order_no, amount) VALUES ('cli-tx', 1);
ROLLBACK TO a;
{mark}UPDATE state SET n = n + 1 WHERE order_no = 'seed';
COMMIT;
SET autocommit = 0;
{mark}INSERT INTO flow (order_no, amount) VALUES ('cli-auto', 2);
COMMIT;
SET autocommit = 1;
DELIMITER //
{mark}INSERT INTO pay (order_no, note) VALUES ('cli-multi', ';'); SELECT 1, 2; {mark}INSERT INTO flow (order_no, amount) VALUES ('cli-multi', 5); SELECT COUNT(*) FROM flow//
BEGIN; {mark}INSERT INTO pay (order_no) VALUES ('cli-multi-tx'); COMMIT//
{mark}INSERT INTO pay (order_no) VALUES ('cli-multi-2'); {mark}INSERT INTO pay (order_no) VALUES ('cli-multi'); SELECT 'never'//
DELIMITER ;
SET time_zone = '+08:00', sql_mode = 'STRICT_TRANS_TABLES';
{mark}INSERT INTO pay (order_no, ts) VALUES ('cli-zone', '2026-01-01 00:00:00.123');
SELECT @@time_zone, ts FROM pay WHERE order_no = 'cli-zone';
SELECT order_no FROM pay ORDER BY order_no;
SELECT order_no, amount FROM flow ORDER BY id;
SELECT n FROM state;
SELECT * FROM no_such_table;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, REPEAT(SUBSTRING('abcdefghijklmnop', 1 + i % 16, 1), 9000) FROM n;
BEGIN;
{mark}INSERT INTO pay (order_no, amount) VALUES ('cli-left-open', 1);
