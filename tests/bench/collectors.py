"""What each collector costs the database in a poll, alone and all together, where nothing but a trickle of jobs changes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from tests.bench import polls
from tests.bench.database import JobDatabase
from tests.bench.report import Figure, Row, as_times, at_most

TOGETHER = "all together"
WANTED = Figure(0.15, 0.15, 0.15, "s")


def names(exporter: Path) -> list[str]:
    """The exporter's own list."""
    text = subprocess.run([exporter, "--help"], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"--\[no-\]collector\.([a-z_]+)\s", text)))


def measure(exporter: Path, database: JobDatabase, runs: int) -> tuple[list[Row], dict[str, Any]]:
    costs: dict[str, tuple[Figure, Figure]] = {}
    for name in [*names(exporter), TOGETHER]:
        flags = () if name == TOGETHER else ("--collector.disable-defaults", f"--collector.{name}")
        found = polls.poll(exporter, (database,), runs, *flags)[0][database.name]
        costs[name] = (Figure.of((one.rows for one in found), "rows"), Figure.of((one.seconds for one in found), "s"))
    what = f"database time of a poll, {database.size.jobs:,} jobs, {database.steps:,} steps, all collectors"
    rows = [as_times(what, costs[TOGETHER][1], "what it may cost", WANTED, at_most(1))]
    return rows, {name: (str(examined), str(seconds)) for name, (examined, seconds) in costs.items()}


def table(costs: dict[str, Any]) -> str:
    """In Markdown, a line a collector."""
    lines = ["| collector | rows examined | database time |", "|---|---|---|"]
    for name, (examined, seconds) in costs.items():
        shown = name if name == TOGETHER else f"`{name}`"
        lines.append(f"| {shown} | {examined.replace(' rows', '')} | {seconds} |")
    return "\n".join(lines)
