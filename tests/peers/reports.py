"""Runs every report of the cookbook in halfrate and in DuckDB and compares the answers.

Usage: reports.py HALFRATE OUT...   (OUT: folders of audits). Exit code 1 when any answer differs.
"""

import math
import subprocess
import sys
import tempfile

import duckdb


def halfrate(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"halfrate {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


def answer(connection, statement):
    """Names with types, and rows."""
    cursor = connection.execute(statement)
    return [(column[0], str(column[1])) for column in cursor.description], cursor.fetchall()


def same(one, other):
    """Doubles may differ in the last digits, because sums are made in another order; nothing else may."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other and type(one) is type(other)


def difference(program, out, name, duck):
    """What differs, or None."""
    statement = halfrate(program, "sql", "--report", name, "--show").decode()
    columns, rows = answer(duck, statement)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(halfrate(program, "sql", "--report", name, "--data", out, "--format", "parquet"))
        file.flush()
        our_columns, our_rows = answer(duck, f"SELECT * FROM read_parquet('{file.name}')")
    if columns != our_columns:
        pairs = zip(our_columns, columns)
        return f"columns (halfrate, DuckDB): {[pair for pair in pairs if pair[0] != pair[1]]}"
    if len(rows) != len(our_rows):
        return f"{len(our_rows)} rows, in DuckDB {len(rows)}"
    for number, (theirs, ours) in enumerate(zip(rows, our_rows)):
        if not all(map(same, theirs, ours)):
            return f"row {number}: {ours}, in DuckDB {theirs}"
    return None


def main(program, *places):
    names = [line.split()[0] for line in halfrate(program, "sql", "--reports").decode().splitlines()]
    wrong, met = 0, {}
    for out in places:
        duck = duckdb.connect()
        # Half an hour off the full hour: a report that took the session's zone for UTC would show it.
        duck.execute("SET TimeZone = 'Asia/Kolkata'")
        duck.execute(halfrate(program, "schema", "--duckdb", "--data", out).decode())
        for name in names:
            found = difference(program, out, name, duck)
            rows = duck.execute(f"SELECT count(*) FROM ({halfrate(program, 'sql', '--report', name, '--show').decode()})")
            met[name] = met.get(name, 0) + rows.fetchone()[0]
            if found:
                wrong += 1
                print(f"{name} over {out}: {found}")
    empty = [name for name in names if met[name] == 0]
    if empty:
        wrong += 1
        print(f"no rows in any audit, so nothing was compared: {empty}")
    print(f"{len(names)} reports over {len(places)} audits, {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
