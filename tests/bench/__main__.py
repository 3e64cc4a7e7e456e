"""Measures, prints a table in Markdown, and ends with 0 if everything could be measured, whatever came out.

python3 -m tests.bench --programs FOLDER --exporter FILE [--quick] [--json FILE] [--only polls,collectors,cold_start,reports,usage,years,scrapes,rendering]
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench import cold_start, collectors, polls, rendering, reports, scrapes, usage, years
from tests.bench.database import SERVER_OPTIONS, JobDatabase, Size
from tests.bench.report import Row, machine, table
from tests.support import slurm
from tests.support.mariadb import PrivateMariaDB

STEPS = ("polls", "collectors", "cold_start", "reports", "usage", "years", "scrapes", "rendering")
ON_REQUEST = ("years",)  # takes the better part of an hour, and 15 GB of disk


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    small: Size
    large: Size
    polls: int
    starts: int
    series: int
    rounds: int
    associations: int
    every: int  # an association is used in one hour of so many
    year: int  # jobs of a year


FULL = Scale(Size(200_000, 5000), Size(2_000_000, 5000), polls=20, starts=5, series=100_000, rounds=16, associations=5000, every=100, year=10_000_000)
QUICK = Scale(Size(40_000, 1000), Size(120_000, 1000), polls=3, starts=1, series=5000, rounds=2, associations=200, every=100, year=50_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description="Benchmarks.")
    parser.add_argument("--programs", type=Path, required=True, help="folder of the programs bench_*")
    parser.add_argument("--exporter", type=Path, required=True, help="the exporter")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--only", default=",".join(step for step in STEPS if step not in ON_REQUEST), help="steps, by comma")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped and their folders removed
    steps = options.only.split(",")
    if unknown := set(steps) - set(STEPS):
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    if "years" in steps and (reason := slurm.unavailable()):
        parser.error(f"years: {reason}")
    scale = QUICK if options.quick else FULL

    about = machine(options.exporter)
    rows: list[Row] = []
    details: dict[str, Any] = {}

    def take(step: str, measured: tuple[list[Row], dict[str, Any]]) -> None:
        # What is wanted is wanted at full size.
        rows.extend(replace(row, wanted=None) if options.quick else row for row in measured[0])
        details[step] = measured[1]
        say(f"{step}: done")

    with ExitStack() as stack:
        if {"polls", "collectors", "cold_start", "reports"} & set(steps):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-bench-")))
            server = stack.enter_context(PrivateMariaDB(options=SERVER_OPTIONS))
            large = fill(stack, server, "large", scale.large)
            if "polls" in steps:
                small = fill(stack, server, "small", scale.small)
                take("polls", polls.measure(options.exporter, small, large, scale.polls, folder))
            if "collectors" in steps:
                take("collectors", collectors.measure(options.exporter, large, max(3, scale.polls // 2)))
            if "cold_start" in steps:
                take("cold_start", cold_start.measure(options.exporter, large, scale.starts))
            if "reports" in steps:
                take("reports", reports.measure(options.exporter, large, scale.starts))
    if "usage" in steps:
        with PrivateMariaDB(options=SERVER_OPTIONS) as server:
            take("usage", usage.measure(options.exporter, server, scale.associations, scale.every))
    if "years" in steps:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-bench-")))
            server = stack.enter_context(PrivateMariaDB(options=SERVER_OPTIONS))
            database = stack.enter_context(closing(years.YearDatabase(server, "bench_years", scale.year)))
            slurmdbd = stack.enter_context(years.Slurmdbd(database))
            began = time.monotonic()
            database.fill(slurmdbd)
            say(f"{database.jobs:,} jobs written and rolled up in {time.monotonic() - began:.0f} s")
            take("years", years.measure(options.exporter, database, slurmdbd, folder, min(scale.starts, 3)))
    if "scrapes" in steps:
        take("scrapes", scrapes.measure(options.programs, scale.series, scale.rounds))
    if "rendering" in steps:
        take("rendering", rendering.measure(options.programs, scale.series, scale.rounds))

    print("## Benchmarks, small sizes that say nothing\n" if options.quick else "## Benchmarks\n")
    print("\n".join(f"- {text}" for text in about.values()))
    print(f"\n{table(rows)}")
    if "collectors" in steps:
        print(f"\n{collectors.table(details['collectors'])}")
    missed = [row for row in rows if row.met is False]
    print(f"\n{sum(row.met is True for row in rows)} as wanted, {len(missed)} not.")
    if options.json:
        figures = {"machine": about, "rows": [row.as_json() for row in rows], "details": details}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def fill(stack: ExitStack, server: PrivateMariaDB, name: str, size: Size) -> JobDatabase:
    began = time.monotonic()
    database = JobDatabase(server, f"bench_{name}", size)
    stack.enter_context(closing(database))
    say(f"{size.jobs:,} jobs and {database.steps:,} steps written in {time.monotonic() - began:.0f} s")
    return database


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
