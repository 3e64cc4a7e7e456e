"""A yearly report from job rows, against the database's own client that reads the same rows and forgets them: time, and the most
memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.database import JOBS, JobDatabase
from tests.bench.polls import exporter_environment
from tests.bench.processes import run_timed, run_watched
from tests.bench.report import Figure, Row, as_times, at_least, at_most
from tests.support.mariadb import EXPORTER

COLUMNS = (
    "job_db_inx, id_job, time_submit, id_assoc, id_qos, id_wckey, id_user, state, time_eligible, time_start, time_end,"
    " time_suspended, account, `partition`, tres_alloc"
)
REPORTS = {
    "usage by partition and month": ("usage", "--by=partition,month", "--source=jobs", "--format=json"),
    "jobs": ("jobs", "--format=csv"),
}


def measure(exporter: Path, database: JobDatabase, runs: int) -> tuple[list[Row], dict[str, Any]]:
    server = database.server
    reach = [
        f"--database.socket={server.socket}", f"--database.name={database.name}", f"--database.user={EXPORTER}", "--timezone=UTC",
        f"--from={database.epoch}", "--log.level=warn",
    ]  # fmt: skip
    client = [
        "mariadb", "--no-defaults", "--quick", "--skip-column-names", f"--socket={server.socket}", f"--user={EXPORTER}",
        f"--execute=SELECT {COLUMNS} FROM {JOBS}", database.name,
    ]  # fmt: skip
    client_secret = {"MYSQL_PWD": server.passwords[EXPORTER]}
    secret = os.environ | exporter_environment(database)
    rows: list[Row] = []
    details: dict[str, Any] = {}
    jobs = database.size.jobs
    theirs = [jobs / run_timed(client, client_secret)[0] for _ in range(runs + 1)][1:]
    for what, words in REPORTS.items():
        command = [str(exporter), "report", *words, *reach]
        ours, memory = [], []
        for _ in range(runs):
            run = run_watched(command, secret)
            ours.append(jobs / run.seconds)
            memory.append(run.memory)
        # A list of jobs reads more than twice the columns and prints them: nothing to be as fast as.
        wanted = at_least(0.2) if words[0] == "usage" else None
        rows.append(as_times(f"report {what} of {jobs:,} jobs", Figure.of(ours, "rows/s"), "`mariadb --quick`", Figure.of(theirs, "rows/s"), wanted))
        rows.append(Row(f"report {what}: memory", Figure.of(memory, "B"), "", None, None, at_most(300)))
    told = json.loads(run_timed([exporter, "report", *REPORTS["usage by partition and month"], *reach], secret, subprocess.PIPE)[1])
    details["usage"] = {"lines": len(told["lines"]), "totals": told["totals"]}
    if not told["totals"][2]:
        raise ValueError("the report has no usage")
    return rows, details

