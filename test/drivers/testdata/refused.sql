DROP TABLE pay;
SELECT * FROM mysql.user;
SELECT SLEEP(1);
SET GLOBAL max_connections = 1;
LOAD DATA LOCAL INFILE 'bulk.csv' INTO TABLE bulk;
SELECT 'still here';
