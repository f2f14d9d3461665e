"""Checks the types in which data frames get the tables, and runs the Python of docs/bi.md.

Usage: frames.py HALFRATE OUT PAGE. Exit code 1 when a type is not the promised one or the code fails.
"""

import os
import re
import subprocess
import sys
import tempfile

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds

PARTITIONED = ["volume", "usage", "sizes", "objects", "rejects"]


def promised(name, arrow):
    """The Arrow type of a column of that name, or None where nothing is promised by name."""
    if name.endswith("_usd") or name == "usd_per_million":
        return pa.decimal128(20, 6)
    if name in ("date", "window_from", "window_to"):
        return pa.date32()
    if name in ("minute", "first_minute", "last_minute", "run_at", "last_modified"):
        return pa.timestamp("us", tz="UTC")
    if name.endswith("tokens") and name not in ("lower_tokens", "upper_tokens"):
        return pa.int64()
    return None


def check(table, schema, told):
    wrong = 0
    for field in schema:
        wanted = promised(field.name, field.type)
        if wanted is not None and field.type != wanted:
            print(f"{told}: {table}.{field.name} is {field.type}, not {wanted}")
            wrong += 1
    if table in PARTITIONED and "date" not in schema.names:
        print(f"{told}: {table} has no date")
        wrong += 1
    return wrong


def frames(out):
    """Every table by every program, as Arrow schemas of what arrived."""
    names = [name for name in os.listdir(out) if name.endswith(".parquet")]
    for name in sorted(name.removesuffix(".parquet") for name in names):
        file = f"{out}/{name}.parquet"
        yield name, pl.read_parquet(file).to_arrow().schema, "Polars"
        yield name, pa.Schema.from_pandas(pd.read_parquet(file, dtype_backend="pyarrow")), "pandas"
    by_day = ds.partitioning(pa.schema([("date", pa.date32())]), flavor="hive")
    for name in PARTITIONED:
        scan = pl.scan_parquet(f"{out}/{name}/*/*.parquet", hive_partitioning=True, hive_schema={"date": pl.Date})
        yield name, scan.collect().to_arrow().schema, "Polars"
        table = ds.dataset(f"{out}/{name}", partitioning=by_day).to_table()
        yield name, pa.Schema.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype)), "pandas"


def duckdb_types(views, schemas):
    """The types of DuckDB's views against those of the files."""
    names = {
        "decimal128(20, 6)": "DECIMAL(20,6)", "date32[day]": "DATE", "int64": "BIGINT", "int32": "INTEGER",
        "double": "DOUBLE", "bool": "BOOLEAN", "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
    }
    connection = duckdb.connect()
    connection.execute(views)
    wrong = 0
    for table, schema in schemas.items():
        got = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
        for field in schema:
            wanted = names.get(str(field.type), "VARCHAR")
            if got.get(field.name) != wanted:
                print(f"DuckDB: {table}.{field.name} is {got.get(field.name)}, not {wanted}")
                wrong += 1
    return wrong


def run_page(page, out, views):
    """Runs each block of Python on the page, in a folder that has `out` and `views.sql`."""
    blocks = re.findall(r"```python\n(.*?)```", open(page).read(), re.S)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath(out), f"{folder}/out")
        with open(f"{folder}/views.sql", "w") as file:
            file.write(views)
        ran = 0
        for block in blocks:
            if block.startswith("# needs:"):
                continue
            done = subprocess.run([sys.executable, "-c", block], cwd=folder, capture_output=True, text=True)
            if done.returncode != 0 or not done.stdout.strip():
                raise RuntimeError(f"{block}\n{done.stdout}\n{done.stderr}")
            ran += 1
    return ran


def main(program, out, page):
    views = subprocess.run([program, "schema", "--duckdb", "--data", out], capture_output=True, text=True, check=True).stdout
    met, schemas, wrong = 0, {}, 0
    for table, schema, told in frames(out):
        met += 1
        wrong += check(table, schema, told)
        schemas[table] = schema
    wrong += duckdb_types(views.replace(out, os.path.abspath(out)), schemas)
    ran = run_page(page, out, views.replace(f"'{out}", "'out"))
    print(f"{met} frames of {len(schemas)} tables, {ran} blocks of Python, {wrong} wrong types")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
