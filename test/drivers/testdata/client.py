"""A PyMySQL client that prints what it gets. Arguments: port, authority's file or "", mark of its writes, parts to play."""
import datetime
import decimal
import hashlib
import os
import sys
import tempfile

import pymysql
from pymysql.constants import CLIENT

port, authority, mark, parts = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].split(",")


def connect(**more):
    tls = {"ssl": {"ca": authority, "check_hostname": False}} if authority else {"ssl_disabled": True}
    return pymysql.connect(host="127.0.0.1", port=port, user="root", database="shop", charset="utf8mb4", local_infile=True, **tls, **more)


def show(value):
    if isinstance(value, (bytes, bytearray)):
        return "%d bytes %s" % (len(value), hashlib.md5(value).hexdigest())
    if isinstance(value, str) and len(value) > 200:
        return "%d characters %s" % (len(value), hashlib.md5(value.encode()).hexdigest())
    return repr(value)


def run(conn, query, args=None):
    with conn.cursor() as c:
        try:
            n = c.execute(query, args)
            print("%.60r: %d rows, id %s" % (query.replace(mark, ""), n, c.lastrowid))
            more = True
            while more:
                for row in c.fetchall():
                    print("  " + " | ".join(show(v) for v in row))
                more = c.nextset()
                if more:
                    print("  next result: %d" % c.rowcount)
        except pymysql.MySQLError as e:
            print("%.60r: error %r" % (query.replace(mark, ""), e.args))


INSERT = mark + "INSERT INTO pay (order_no, amount, rate, note, raw, d, at, t, f, flag) VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)"


def rows():
    blob = bytes(range(256)) * 400
    yield ("py-1", 1, decimal.Decimal("1.2500"), "plain", b"", datetime.date(2026, 2, 28), datetime.datetime(2026, 2, 28, 23, 59, 59, 999999), datetime.timedelta(hours=-7, microseconds=1), 0.1, True)
    yield ("py-2", None, None, None, None, None, None, None, None, None)
    yield ("py-3", -9223372036854775808, decimal.Decimal("-0.0001"), "it's \"so\" \\ % \n\r\t\x1a;-- /* x */", blob, datetime.date(1, 1, 1), datetime.datetime(9999, 12, 31), datetime.timedelta(days=34, hours=22), -1e300, False)
    yield ("py-4-\u8ba2\u5355\U0001f4b0", 9223372036854775807, None, "\u4ed8\u6b3e\U0001f600 ", b"\x00\xff'\\", None, None, datetime.timedelta(0), 2.5e-300, None)


def insert():
    conn = connect(autocommit=True)
    for row in rows():
        run(conn, INSERT, row)
    run(conn, INSERT, ("py-1",) + (None,) * 9)
    run(conn, mark + "INSERT INTO flow (order_no, amount) VALUES (%s, %s)", ("py-1", "12.34"))
    run(conn, "SELECT LAST_INSERT_ID()")
    with conn.cursor() as c:
        print("many:", c.executemany(mark + "INSERT INTO pay (order_no, amount) VALUES (%s, %s)", [("py-many-%d" % i, i) for i in range(50)]))
    run(conn, "SELECT * FROM pay ORDER BY order_no")
    run(conn, "SELECT order_no, amount FROM flow ORDER BY id")
    conn.close()


def transaction():
    conn = connect()
    print("autocommit", conn.get_autocommit())
    run(conn, mark + "INSERT INTO pay (order_no, amount) VALUES ('py-rolled-back', 1)")
    conn.rollback()
    conn.begin()
    run(conn, mark + "INSERT INTO pay (order_no, amount) VALUES ('py-tx', 1)")
    run(conn, "SAVEPOINT a")
    run(conn, mark + "INSERT INTO flow (order_no, amount) VALUES ('py-tx', 1)")
    run(conn, "ROLLBACK TO a")
    run(conn, mark + "INSERT INTO pay (order_no) VALUES ('py-tx')")
    run(conn, mark + "UPDATE state SET n = n + 1 WHERE order_no = 'seed'")
    conn.commit()
    conn.autocommit(True)
    run(conn, mark + "INSERT INTO flow (order_no, amount) VALUES ('py-auto', 2)")
    conn.autocommit(False)
    run(conn, mark + "INSERT INTO flow (order_no, amount) VALUES ('py-left-open', 3)")
    conn.close()
    other = connect()
    run(other, "SELECT order_no FROM pay WHERE order_no LIKE 'py-%t%' ORDER BY 1")
    run(other, "SELECT order_no, amount FROM flow ORDER BY id")
    run(other, "SELECT n FROM state")
    other.close()


def multi():
    conn = connect(client_flag=CLIENT.MULTI_STATEMENTS, autocommit=True)
    run(conn, mark + "INSERT INTO pay (order_no, note) VALUES ('py-multi', ';'); SELECT 1, 2; " + mark + "INSERT INTO flow (order_no, amount) VALUES ('py-multi', 5); SELECT COUNT(*) FROM flow")
    run(conn, "BEGIN; " + mark + "INSERT INTO pay (order_no) VALUES ('py-multi-tx'); COMMIT; SELECT nothing")
    run(conn, mark + "INSERT INTO pay (order_no) VALUES ('py-multi-2'); " + mark + "INSERT INTO pay (order_no) VALUES ('py-multi'); SELECT 'never'")
    conn.close()


def session():
    conn = connect(autocommit=True)
    run(conn, "SET time_zone = '+08:00', sql_mode = 'STRICT_TRANS_TABLES'")
    run(conn, mark + "INSERT INTO pay (order_no, ts) VALUES ('py-zone', '2026-01-01 00:00:00.123')")
    conn.select_db("shop")
    run(conn, "SELECT DATABASE(), @@time_zone, ts FROM pay WHERE order_no = 'py-zone'")
    conn.ping()
    run(conn, "SELECT * FROM no_such_table")
    conn.close()


def big():
    conn = connect()
    c = conn.cursor(pymysql.cursors.SSCursor)
    digest, n = hashlib.md5(), 0
    c.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, REPEAT(SUBSTRING('abcdefghijklmnop', 1 + i % 16, 1), 9000) FROM n")
    for row in c:
        digest.update(repr(row).encode())
        n += 1
    print("big:", n, digest.hexdigest())
    c.close()
    run(conn, "SELECT REPEAT('x', 17000000)")
    conn.close()


def load():
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as f:
        f.writelines("%d,line %d\n" % (i, i) for i in range(3000))
    conn = connect(autocommit=True)
    os.chdir(os.path.dirname(f.name))
    with conn.cursor() as c:
        print("load:", c.execute(mark + "LOAD DATA LOCAL INFILE %s INTO TABLE bulk FIELDS TERMINATED BY ','", (f.name,)))
        try:
            c.execute("LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE bulk")
        except pymysql.MySQLError as e:
            print("load: error", e.args[0])
    conn.close()
    os.remove(f.name)
    conn = connect()
    run(conn, "SELECT COUNT(*), SUM(id), MAX(LENGTH(body)) FROM bulk")
    conn.close()


def procedure():
    conn = connect()
    with conn.cursor() as c:
        c.callproc("report", (3,))
        while True:
            print("result:", c.fetchall())
            if not c.nextset():
                break
    conn.close()


def unread():
    conn = connect()
    run(conn, "SELECT FROM")
    run(conn, "SELECT 1")
    conn.close()


def tls():
    conn = connect()
    with conn.cursor() as c:
        c.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        print("encrypted:", c.fetchone()[1] != "")
    conn.close()


def refused():
    conn = connect(autocommit=True)
    for query in ("DROP TABLE pay", "SELECT * FROM mysql.user", "SELECT SLEEP(1)", "SET GLOBAL max_connections = 1"):
        run(conn, query)
    run(conn, "SELECT 'still here'")
    conn.close()
    try:
        pymysql.connect(host="127.0.0.1", port=port, user="root", database="mysql")
    except pymysql.MySQLError as e:
        print("login: error", e.args)


for part in parts:
    print("==", part)
    globals()[part]()
