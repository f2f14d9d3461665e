"""Uses `halfrate serve` as clients do.

Usage: postgres.py ACTION PORT ARGUMENT...
  read PORT HALFRATE OUT      types, catalog, parameters, cursors, and every report as the files give it
  refuse PORT OUT             nothing that changes anything is let through
  fresh PORT HALFRATE LOGS OUT   an audit made meanwhile is seen
  crowd PORT CLIENTS          many clients at once, with some that ask too much
  depth PORT                  statements too deep for the stack are refused, and others go on
  runaway PORT PID            a join that finds nothing ends with its time, and so does its work
  login PORT CERT             password and TLS
  page PORT PAGE              the blocks of Python on a page that need a server
"""

import concurrent.futures
import datetime
import decimal
import os
import re
import subprocess
import sys
import time

import duckdb
import psycopg
from psycopg import sql


def connect(port, **more):
    more = {"host": "127.0.0.1", "port": port, "user": "reader", "dbname": "halfrate", "sslmode": "disable", **more}
    return psycopg.connect(autocommit=True, **more)


def check(condition, told):
    if not condition:
        raise AssertionError(told)


def read(port, program, out):
    types = "SELECT cost_month_usd, window_from, first_minute, total_tokens, probability, decisive, caller FROM workloads WHERE cost_month_usd IS NOT NULL LIMIT 1"
    wanted = [decimal.Decimal, datetime.date, datetime.datetime, int, float, bool, str]
    with connect(port) as connection:
        for prepare in (False, True):
            row = connection.execute(types, prepare=prepare).fetchone()
            check([type(value) for value in row] == wanted, f"types {[type(value) for value in row]}")
            check(row[2].tzinfo is not None and row[2].utcoffset() == datetime.timedelta(0), f"no UTC: {row[2]!r}")
        with connection.cursor(binary=True) as cursor:
            row = cursor.execute(types).fetchone()
            check([type(value) for value in row] == wanted, f"binary types {[type(value) for value in row]}")
        date = connection.execute("SELECT min(date) FROM volume").fetchone()[0]
        check(type(date) is datetime.date, f"partition {date!r}")
        for verdict in ("tolerant", "interactive"):
            rows = connection.execute("SELECT verdict FROM workloads WHERE verdict = %s", [verdict]).fetchall()
            check(rows and set(rows) == {(verdict,)}, f"parameter: {rows}")
        names = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        names = {row[0] for row in names}
        check({"workloads", "volume", "audits"} <= names, f"tables {names}")
        listed = connection.execute(
            "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
        )
        check(names <= {row[0] for row in listed}, "pg_catalog does not list the tables")
        reports = subprocess.run([program, "sql", "--reports"], capture_output=True, text=True, check=True).stdout
        views = subprocess.run([program, "schema", "--duckdb", "--data", out], capture_output=True, text=True, check=True).stdout
        duck = duckdb.connect()
        duck.execute(views)
        for line in reports.splitlines():
            name = line.split()[0]
            show = [program, "sql", "--report", name, "--show"]
            statement = subprocess.run(show, capture_output=True, text=True, check=True).stdout
            got = connection.execute(sql.SQL(statement)).fetchall()
            expected = duck.execute(statement).fetchall()
            check(len(got) == len(expected), f"{name}: {len(got)} rows, in the files {len(expected)}")
    print(f"{len(reports.splitlines())} reports read")


REFUSED = [
    "CREATE TABLE x AS SELECT 1", "CREATE VIEW x AS SELECT 1", "CREATE SCHEMA x", "CREATE DATABASE x",
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", "SELECT 1 AS one INTO x",
    "INSERT INTO workloads SELECT * FROM workloads", "DELETE FROM workloads", "UPDATE workloads SET caller = ''",
    "DROP TABLE workloads", "DROP SCHEMA public CASCADE", "TRUNCATE workloads", "ALTER TABLE workloads RENAME TO x",
    "COPY workloads TO '/tmp/halfrate-copied.parquet'", "COPY (SELECT 1) TO '/tmp/halfrate-copied.csv'",
    "EXPLAIN ANALYZE INSERT INTO workloads SELECT * FROM workloads", "CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql",
    "PREPARE p AS SELECT 1", "EXECUTE p", "CALL p()", "GRANT ALL ON workloads TO reader", "VACUUM", "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
]


def files(out):
    return sorted((os.path.join(root, name), os.path.getmtime(os.path.join(root, name)))
                  for root, _, names in os.walk(out) for name in names)


def refuse(port, out):
    before = files(out)
    with connect(port) as connection:
        tables = connection.execute("SELECT count(*) FROM information_schema.tables").fetchone()
        for statement in REFUSED:
            for prepare in (False, True):
                try:
                    connection.execute(statement, prepare=prepare)
                except psycopg.Error:
                    continue
                raise AssertionError(f"not refused: {statement}")
        # Said to be done, as clients want, and without effect on anybody.
        for statement in ["SET datafusion.runtime.memory_limit = '1K'", "SET client_encoding = 'UTF8'", "DISCARD ALL",
                          "SET datafusion.catalog.information_schema = false", "SET extra_float_digits = 3"]:
            connection.execute(statement)
        check(connection.execute("SELECT count(*) FROM information_schema.tables").fetchone() == tables, "tables changed")
        check(connection.execute("SELECT count(*) > 0 FROM workloads").fetchone()[0], "workloads are gone")
        try:
            connection.execute("SELECT callr FROM workloads")
        except psycopg.Error as error:
            check("caller" in str(error), f"no hint: {error}")
    check(files(out) == before, "files changed")
    check(not os.path.exists("/tmp/halfrate-copied.csv"), "a file was written")
    print(f"{len(REFUSED)} statements refused")


def fresh(port, program, logs, out):
    with connect(port) as connection:
        def seen():
            return (connection.execute("SELECT count(*), max(date) FROM (SELECT DISTINCT date FROM volume)").fetchone(),
                    connection.execute("SELECT count(*) FROM audits").fetchone(),
                    connection.execute("SELECT sum(total_tokens) FROM workloads").fetchone())
        before = seen()
        subprocess.run([program, "audit", logs, "--out", out], check=True, capture_output=True)
        after = seen()
    check(after[0][0] > before[0][0], f"days: {before} {after}")
    check(after[1][0] == before[1][0] + 1, f"audits: {before} {after}")
    check(after[2][0] > before[2][0], f"tokens: {before} {after}")
    print("the new audit is seen")


def crowd(port, clients):
    small = "SELECT verdict, sum(total_tokens) FROM workloads GROUP BY verdict ORDER BY verdict"
    too_much = "SELECT array_agg(a.caller || b.model || c.caller) FROM usage a, usage b, usage c"
    too_long = "SELECT count(*) FROM usage a, usage b, usage c WHERE a.requests + b.errors + c.tools < -1"
    with connect(port) as connection:
        expected = connection.execute(small).fetchall()

    def good(_):
        with connect(port) as connection:
            slowest = 0.0
            for turn in range(5):
                begun = time.monotonic()
                got = connection.execute(small, prepare=turn % 2 == 0).fetchall()
                slowest = max(slowest, time.monotonic() - begun)
                check(got == expected, f"{got}")
            return slowest

    def bad(statement):
        with connect(port) as connection:
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                said = str(error)
            else:
                raise AssertionError(f"not stopped: {statement}")
            # The same connection goes on.
            check(connection.execute(small).fetchall() == expected, "after an error")
            return said

    with concurrent.futures.ThreadPoolExecutor(int(clients)) as pool:
        wrong = [pool.submit(bad, statement) for statement in (too_much, too_long)]
        slowest = max(pool.map(good, range(int(clients) - 2)))
        told = [each.result() for each in wrong]
    check("resources" in told[0].lower() or "memory" in told[0].lower(), f"memory: {told[0]}")
    check("--timeout" in told[1], f"time: {told[1]}")
    print(f"{clients} clients; slowest of the good: {slowest:.2f} s")


DEEP = ["SELECT " + "+".join(["1"] * 50_000), "SELECT " + "NOT " * 50_000 + "true", "SELECT $q$ ' $q$" + " || 'a'" * 50_000,
        "SELECT 1" + " UNION ALL SELECT 1" * 5_000]


def depth(port):
    with connect(port) as other:
        for statement in DEEP:
            for extended in (False, True):
                with connect(port) as connection:
                    try:
                        if extended:
                            connection.execute(statement, prepare=True, binary=True)
                        else:
                            # As psql does; the driver's own calls may choose either protocol.
                            result = connection.pgconn.exec_(statement.encode())
                            if result.error_message:
                                raise psycopg.Error(result.error_message.decode())
                    except psycopg.Error as error:
                        check("over the limit of 1000" in str(error), f"{statement[:20]}: {error}")
                    else:
                        raise AssertionError(f"not refused: {statement[:20]}")
                    check(connection.execute("SELECT 1").fetchone() == (1,), "the connection is gone")
        check(other.execute("SELECT count(*) > 0 FROM workloads").fetchone()[0], "the server is gone")
    print(f"{len(DEEP)} deep statements refused")


# Pairs enough for minutes, none of which fits: a nested loop, and a hash join on a value that all rows share.
RUNAWAY = [
    "SELECT count(*) FROM generate_series(1, 300000) a(x) JOIN generate_series(1, 300000) b(y) ON (a.x * 7 + b.y * 13) % 1000003 = -1",
    "SELECT count(*) FROM generate_series(1, 300000) a(x) JOIN generate_series(1, 300000) b(y) ON a.x / 1000000 = b.y / 1000000 AND a.x + b.y < 0",
]


def seconds_used(process):
    fields = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def runaway(port, process):
    for statement in RUNAWAY:
        with connect(port) as connection:
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                check("--timeout" in str(error), f"time: {error}")
            else:
                raise AssertionError(f"not stopped: {statement}")
        time.sleep(1)
        before = seconds_used(process)
        time.sleep(2)
        used = seconds_used(process) - before
        check(used < 0.2, f"still at work after its time, {used} s of processor in 2 s: {statement}")
    print("runaways end")


def login(port, certificate):
    require = {"sslmode": "verify-ca", "sslrootcert": certificate}
    with connect(port, password="correct horse", **require) as connection:
        check(connection.execute("SELECT count(*) > 0 FROM workloads").fetchone()[0], "nothing read")
        check(connection.pgconn.ssl_in_use, "no TLS")
    for told, more in [("wrong password", {"password": "wrong", **require}), ("no password", {"password": "", **require}),
                       ("no TLS", {"password": "correct horse"})]:
        try:
            connect(port, **more).close()
        except psycopg.OperationalError:
            continue
        raise AssertionError(f"let in: {told}")
    print("only who may gets in")


def page(port, file):
    blocks = [block for block in re.findall(r"```python\n(.*?)```", open(file).read(), re.S) if "# needs: halfrate serve" in block]
    check(blocks, "no block needs a server")
    for block in blocks:
        check("port=5433" in block, f"the block names another port: {block}")
        done = subprocess.run([sys.executable, "-c", block.replace("port=5433", f"port={port}")], capture_output=True, text=True)
        check(done.returncode == 0 and done.stdout.strip(), f"{block}\n{done.stdout}\n{done.stderr}")
    print(f"{len(blocks)} block of Python")


if __name__ == "__main__":
    {"read": read, "refuse": refuse, "fresh": fresh, "crowd": crowd, "depth": depth, "runaway": runaway,
     "login": login, "page": page}[sys.argv[1]](*sys.argv[2:])
