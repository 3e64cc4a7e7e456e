"""How fast the whole history is read at a start, against the database's own client that reads it and forgets it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.database import JOBS, STEPS, JobDatabase
from tests.bench.polls import exporter_command, exporter_environment
from tests.bench.processes import run_timed
from tests.bench.report import Figure, Row, Wanted, as_times, at_least
from tests.support.mariadb import EXPORTER

COLUMNS = (
    "job_db_inx, id_job, time_submit, id_assoc, id_qos, id_user, state, time_eligible, time_start, time_end, time_suspended,"
    " account, `partition`, tres_alloc, array_task_pending, timelimit, tres_req"
)
OF_STEPS = "job_db_inx, state, user_sec, user_usec, sys_sec, sys_usec, tres_usage_in_tot"


def measure(exporter: Path, database: JobDatabase, runs: int) -> tuple[list[Row], dict[str, Any]]:
    starts: list[float] = []

    def against_client(what: str, rows: int, sql: str, wanted: Wanted | None, *flags: str) -> Row:
        once = exporter_command(exporter, database, "--once", *flags)
        secret = exporter_environment(database)
        client = [
            "mariadb", "--no-defaults", "--quick", "--skip-column-names", f"--socket={database.server.socket}", f"--user={EXPORTER}",
            f"--execute={sql}", database.name,
        ]  # fmt: skip
        client_secret = {"MYSQL_PWD": database.server.passwords[EXPORTER]}
        _check(run_timed(once, secret, subprocess.PIPE)[1].decode(), rows)  # warms up, too
        ours, theirs = [], []
        for _ in range(runs):
            start, _ = run_timed([exporter, "--version"])
            starts.append(start)
            ours.append(rows / (run_timed(once, secret)[0] - start))
            theirs.append(rows / run_timed(client, client_secret)[0])
        return as_times(what, Figure.of(ours, "rows/s"), "`mariadb --quick`", Figure.of(theirs, "rows/s"), wanted)

    jobs, steps = database.size.jobs, database.steps
    only = ("--collector.disable-defaults", "--collector.efficiency")
    rows = [
        against_client(f"cold start, {jobs:,} jobs counted", jobs, f"SELECT {COLUMNS} FROM {JOBS}", at_least(0.5), "--no-collector.efficiency"),
        against_client(f"cold start of efficiency, {steps:,} steps of these jobs", steps, f"SELECT {OF_STEPS} FROM {STEPS}", None, *only),
    ]
    return rows, {"process_start_seconds": Figure.of(starts, "s").median}


def _check(page: str, rows: int) -> None:
    """It has really read them all."""
    found = re.findall(r"^slurmdbd_exporter_collector_rows_read_total\{.*\} (\S+)$", page, re.MULTILINE)
    if sum(float(value) for value in found) < rows:
        raise ValueError(f"the exporter read {', '.join(found) or 'nothing'} of {rows} rows")
