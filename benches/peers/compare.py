#!/usr/bin/env python3
"""One query over the same logs, by halfrate and by what users would pick instead.

    python3 benches/peers/compare.py LOGS --halfrate target/release/halfrate

LOGS is a folder that `halfrate simulate LOGS --scenario records-typical` wrote. The peers are installed
from PyPI into target/peers, once. Every one of them answers: calls, input and output tokens by caller,
model and minute; as someone who knows it would write it, with an explicit schema that holds only the
needed columns; on one core, in a process of its own. The answers must be identical. Told are CPU seconds
(user and system, start included) and the largest memory, of the best of --runs.
"""

import argparse
import csv
import glob
import hashlib
import io
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PACKAGES = ["chdb", "datafusion", "duckdb", "isal", "msgspec", "polars", "pyarrow"]
HOME = Path(__file__).resolve().parents[2] / "target" / "peers"
OUT = HOME / "out"

GROUPED = """
SELECT {caller} AS caller, {model} AS model, substr({time}, 1, 16) AS minute, count(*) AS calls,
       coalesce(sum({input}), 0) AS input, coalesce(sum({output}), 0) AS output
FROM {table} GROUP BY 1, 2, 3
"""


def files(logs):
    """All log objects; bodies kept apart and permission checks are none."""
    found = sorted(glob.glob(f"{logs}/**/*.json.gz", recursive=True))
    return [file for file in found if "/data/" not in file and os.path.getsize(file)]


def rows_of(table):
    """Rows of an arrow table."""
    names = ["caller", "model", "minute", "calls", "input", "output"]
    return zip(*(table.column(name).to_pylist() for name in names))


def chdb(logs):
    import chdb as clickhouse

    columns = (
        "timestamp String, modelId String, identity Tuple(arn String), "
        "input Tuple(inputTokenCount Nullable(Int64)), output Tuple(outputTokenCount Nullable(Int64))"
    )
    query = GROUPED.format(
        caller="identity.arn",
        model="modelId",
        time="timestamp",
        input="input.inputTokenCount",
        output="output.outputTokenCount",
        table=f"file('{logs}/**/*.json.gz', JSONEachRow, '{columns}')",
    )
    answer = clickhouse.query(
        query
        + " SETTINGS max_threads = 1, input_format_skip_unknown_fields = 1",
        "CSV",
    )
    return csv.reader(io.StringIO(str(answer)))


def isal_msgspec(logs):
    from isal import igzip
    import msgspec

    class Identity(msgspec.Struct):
        arn: str = ""

    class Input(msgspec.Struct):
        inputTokenCount: int = 0

    class Output(msgspec.Struct):
        outputTokenCount: int = 0

    class Record(msgspec.Struct):
        timestamp: str
        modelId: str
        identity: Identity
        input: Input
        output: Output

    decoder = msgspec.json.Decoder(Record)
    sums = {}
    for file in files(logs):
        with open(file, "rb") as packed:
            lines = igzip.decompress(packed.read()).split(b"\n")
        for line in lines:
            if not line:
                continue
            record = decoder.decode(line)
            key = (record.identity.arn, record.modelId, record.timestamp[:16])
            sum_ = sums.get(key)
            if sum_ is None:
                sum_ = sums[key] = [0, 0, 0]
            sum_[0] += 1
            sum_[1] += record.input.inputTokenCount
            sum_[2] += record.output.outputTokenCount
    return ((*key, *sum_) for key, sum_ in sums.items())


def arrow_schema():
    import pyarrow as pa

    return pa.schema(
        [
            ("timestamp", pa.string()),
            ("modelId", pa.string()),
            ("identity", pa.struct([("arn", pa.string())])),
            ("input", pa.struct([("inputTokenCount", pa.int64())])),
            ("output", pa.struct([("outputTokenCount", pa.int64())])),
        ]
    )


def datafusion(logs):
    from datafusion import SessionConfig, SessionContext

    config = SessionConfig().with_target_partitions(1)
    config = config.set("datafusion.execution.listing_table_ignore_subdirectory", "false")
    context = SessionContext(config)
    context.register_json(
        "logs",
        f"{logs}/",
        schema=arrow_schema(),
        file_extension=".json.gz",
        file_compression_type="gzip",
    )
    query = GROUPED.format(
        caller="identity['arn']",
        model='"modelId"',
        time="timestamp",
        input="input['inputTokenCount']",
        output="output['outputTokenCount']",
        table="logs",
    )
    return rows_of(context.sql(query).to_arrow_table())


def polars(logs):
    import polars as pl

    schema = {
        "timestamp": pl.String,
        "modelId": pl.String,
        "identity": pl.Struct({"arn": pl.String}),
        "input": pl.Struct({"inputTokenCount": pl.Int64}),
        "output": pl.Struct({"outputTokenCount": pl.Int64}),
    }
    frame = pl.scan_ndjson(files(logs), schema=schema).select(
        caller=pl.col("identity").struct.field("arn"),
        model=pl.col("modelId"),
        minute=pl.col("timestamp").str.slice(0, 16),
        input=pl.col("input").struct.field("inputTokenCount"),
        output=pl.col("output").struct.field("outputTokenCount"),
    )
    sums = frame.group_by("caller", "model", "minute").agg(
        pl.len().alias("calls"), pl.col("input").sum(), pl.col("output").sum()
    )
    return sums.select("caller", "model", "minute", "calls", "input", "output").collect().rows()


def duckdb(logs):
    import duckdb as duck

    columns = (
        "{timestamp: 'VARCHAR', modelId: 'VARCHAR', identity: 'STRUCT(arn VARCHAR)',"
        " input: 'STRUCT(inputTokenCount BIGINT)', output: 'STRUCT(outputTokenCount BIGINT)'}"
    )
    listed = "[" + ", ".join(f"'{file}'" for file in files(logs)) + "]"
    query = GROUPED.format(
        caller="identity.arn",
        model="modelId",
        time="timestamp",
        input="input.inputTokenCount",
        output="output.outputTokenCount",
        table=f"read_json({listed}, format = 'newline_delimited', columns = {columns},"
        " compression = 'gzip')",
    )
    connection = duck.connect(config={"threads": 1})
    return connection.execute(query).fetchall()


def pyarrow(logs):
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import json

    read = json.ReadOptions(use_threads=False, block_size=16 << 20)
    parse = json.ParseOptions(explicit_schema=arrow_schema(), unexpected_field_behavior="ignore")
    parts = []
    for file in files(logs):
        with pa.input_stream(file, compression="gzip") as packed:
            table = json.read_json(packed, read_options=read, parse_options=parse)
        part = pa.table(
            {
                "caller": pc.struct_field(table["identity"], "arn"),
                "model": table["modelId"],
                "minute": pc.utf8_slice_codeunits(table["timestamp"], 0, 16),
                "input": pc.fill_null(pc.struct_field(table["input"], "inputTokenCount"), 0),
                "output": pc.fill_null(pc.struct_field(table["output"], "outputTokenCount"), 0),
            }
        )
        parts.append(part)
    sums = pa.concat_tables(parts).group_by(["caller", "model", "minute"], use_threads=False)
    sums = sums.aggregate([([], "count_all"), ("input", "sum"), ("output", "sum")])
    return rows_of(
        sums.rename_columns({"count_all": "calls", "input_sum": "input", "output_sum": "output"})
    )


PEERS = [chdb, isal_msgspec, datafusion, polars, duckdb, pyarrow]


def normal(rows):
    """The same text for the same answer."""
    lines = sorted(
        f"{caller},{model},{str(minute)[:16].replace(' ', 'T')},{int(calls)},{int(inp)},{int(out)}"
        for caller, model, minute, calls, inp, out in rows
    )
    return "\n".join(lines) + "\n"


def halfrate(binary, logs):
    """The query in halfrate's own SQL over raw logs."""
    query = GROUPED.format(
        caller="identity_arn",
        model="model_id",
        time="CAST(timestamp AS VARCHAR)",
        input="input_tokens",
        output="output_tokens",
        table="invocations",
    )
    return [binary, "sql", "--logs", logs, "--format", "csv", query]


def timed(command):
    """Runs on one core; what it printed, CPU seconds and peak memory in MB."""
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "TZ": "UTC"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )
    printed = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"exit status {status}")
    return printed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def install():
    """The interpreter of a virtual environment that has the peers."""
    python = HOME / "bin" / "python"
    if not python.exists():
        venv.create(HOME, with_pip=True)
    missing = f"import importlib.util as u; print(*[p for p in {PACKAGES} if not u.find_spec(p)])"
    wanted = subprocess.run([python, "-c", missing], capture_output=True, text=True, check=True)
    if wanted.stdout.strip():
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted.stdout.split()], check=True)
    return str(python)


def compare(arguments):
    """Runs everybody and prints the table."""
    python = install()
    runs = {"halfrate audit": [arguments.halfrate, "audit", arguments.logs, "--out", str(OUT)]}
    runs["halfrate sql"] = halfrate(arguments.halfrate, arguments.logs)
    for peer in PEERS:
        if not arguments.only or peer.__name__ in arguments.only:
            runs[peer.__name__] = [python, __file__, arguments.logs, "--peer", peer.__name__]
    answers, table = {}, []
    for name, command in runs.items():
        best = None
        for _ in range(arguments.runs):
            # A second audit into the same folder reads nothing.
            shutil.rmtree(OUT, ignore_errors=True)
            try:
                printed, seconds, memory = timed(command)
            except (OSError, RuntimeError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                break
            best = min(best or (seconds, memory), (seconds, memory))
        if best is None:
            continue
        table.append((name, *best))
        if name == "halfrate sql":
            header, *rows = csv.reader(io.StringIO(printed))
            printed = normal(rows)
        if name != "halfrate audit":
            answers[name] = hashlib.sha256(printed.encode()).hexdigest()
    base = next((seconds for name, seconds, _ in table if name == "halfrate audit"), None)
    print(f"{'':16}{'CPU s':>8}{'x audit':>9}{'MB':>7}")
    for name, seconds, memory in table:
        factor = f"{seconds / base:9.2f}" if base else f"{'':9}"
        print(f"{name:16}{seconds:8.2f}{factor}{memory:7.0f}")
    if len(set(answers.values())) > 1:
        sys.exit(f"the answers differ: {answers}")
    print(f"{len(answers)} identical answers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("logs")
    parser.add_argument("--halfrate", default="target/release/halfrate")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of peers")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        sys.stdout.write(normal(globals()[arguments.peer](arguments.logs)))
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
