"""What a poll costs the database: a large job table, a small one, and a GROUP BY over the large one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.database import JOBS, JobDatabase, Statement, StatementLog
from tests.bench.processes import Program
from tests.bench.report import Figure, Row, as_times, as_times_less, at_least, at_most
from tests.support.mariadb import EXPORTER, free_port

INTERVAL = 2  # seconds between polls
TRICKLE = 5  # jobs that end, and begin, between two polls
PATIENCE = 600  # seconds until enough has been measured

# What one writes first: jobs and what they consumed, by account, partition and state. Half of what the exporter shows.
GROUP_BY = f"""SELECT account, `partition`, CAST(state AS CHAR) AS state, COUNT(*) AS jobs,
  SUM(IF(time_start = 0, 0, IF(time_end = 0, UNIX_TIMESTAMP(), time_end) - time_start) * cpus_req) AS cpu_seconds
  FROM {JOBS} GROUP BY account, `partition`, state"""


@dataclass
class Poll:
    """The statements of one poll."""

    statements: list[Statement]

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.statements)

    @property
    def rows(self) -> int:
        return sum(one.rows_examined for one in self.statements)


def exporter_command(binary: Path, database: JobDatabase, *flags: str) -> list[str]:
    """The exporter with an epoch before all jobs."""
    return [
        str(binary),
        f"--database.socket={database.server.socket}",
        f"--database.name={database.name}",
        f"--database.user={EXPORTER}",
        "--timezone=UTC",
        f"--counter.epoch={datetime.fromtimestamp(database.epoch, UTC):%Y-%m-%d}",
        *flags,
    ]


def exporter_environment(database: JobDatabase) -> dict[str, str]:
    return {"SLURMDBD_EXPORTER_DATABASE_PASSWORD": database.server.passwords[EXPORTER]}


def measure(exporter: Path, small: JobDatabase, large: JobDatabase, runs: int, folder: Path) -> tuple[list[Row], dict[str, Any]]:
    polls, processes = poll(exporter, (small, large), runs)
    plain = _group_by(large, max(3, runs // 3), folder)
    few, many = f"{small.size.jobs:,}", f"{large.size.jobs:,}"
    rows = {db.name: Figure.of((poll.rows for poll in polls[db.name]), "rows") for db in (small, large)}
    seconds = {db.name: Figure.of((poll.seconds for poll in polls[db.name]), "s") for db in (small, large)}
    plain_rows = Figure.of((one.rows_examined for one in plain), "rows")
    plain_seconds = Figure.of((one.seconds for one in plain), "s")
    with_few, with_many = f"{few} jobs", f"{many} jobs"
    sql = "GROUP BY, sql_exporter"
    table = [
        as_times(f"rows examined by a poll, {with_many}", rows[large.name], with_few, rows[small.name], at_most(1.3)),
        as_times(f"database time of a poll, {with_many}", seconds[large.name], with_few, seconds[small.name], at_most(1.3)),
        as_times_less(f"rows examined by a poll, {with_many}", rows[large.name], sql, plain_rows, at_least(100)),
        as_times_less(f"database time of a poll, {with_many}", seconds[large.name], sql, plain_seconds, at_least(100)),
        as_times(f"exporter's CPU for a poll, {with_many}", processes[large.name][0], with_few, processes[small.name][0]),
        as_times(f"exporter's memory, {with_many}", processes[large.name][1], with_few, processes[small.name][1]),
    ]
    return table, {"purposes": {db.name: _by_purpose(polls[db.name]) for db in (small, large)}}


def poll(
    exporter: Path, databases: tuple[JobDatabase, ...], runs: int, *more: str
) -> tuple[dict[str, list[Poll]], dict[str, tuple[Figure, Figure]]]:
    """Polls of exporters (with further flags) that run side by side, a little apart, and each one's CPU time of a poll and memory."""
    running: dict[str, Program] = {}
    with StatementLog(databases[0].server) as log:
        try:
            for database in databases:
                flags = (f"--poll.interval={INTERVAL}s", f"--web.listen-address=127.0.0.1:{free_port()}")
                running[database.name] = Program(exporter_command(exporter, database, *flags, *more), exporter_environment(database))
                time.sleep(INTERVAL / len(databases))
            cpu: dict[str, list[float]] = {database.name: [] for database in databases}
            before: dict[str, tuple[int, float]] = {}
            deadline = time.monotonic() + PATIENCE
            while True:
                for database in databases:
                    running[database.name].check()
                    database.trickle(TRICKLE)
                time.sleep(INTERVAL)
                polls = whole_polls(log)
                for name, program in running.items():
                    now = (len(polls.get(name, ())), program.cpu_seconds())
                    count, seconds = before.get(name, (0, 0.0))
                    if count and now[0] > count:
                        cpu[name].append((now[1] - seconds) / (now[0] - count))
                    before[name] = now
                if all(len(polls.get(database.name, ())) >= runs and cpu[database.name] for database in databases):
                    memory = {name: program.resident() for name, program in running.items()}
                    return polls, {name: (Figure.of(cpu[name], "s"), Figure.of([memory[name]], "B")) for name in running}
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no {runs} polls in {PATIENCE} s")
        finally:
            for program in running.values():
                program.__exit__()


def whole_polls(log: StatementLog) -> dict[str, list[Poll]]:
    """Whole polls by database, without the first one, which reads everything there is to know."""
    polls: dict[str, list[Poll]] = {}
    for statement in log.statements(EXPORTER):
        ours = polls.setdefault(statement.database, [])
        if statement.purpose == "time":
            ours.append(Poll([]))
        if ours:
            ours[-1].statements.append(statement)
    return {name: ours[1:-1] for name, ours in polls.items()}


def _by_purpose(polls: list[Poll]) -> dict[str, dict[str, float]]:
    """Means of rows and seconds of each kind of statement in a poll."""
    sums: dict[str, dict[str, float]] = {}
    for poll in polls:
        for one in poll.statements:
            entry = sums.setdefault(one.purpose, {"rows": 0.0, "seconds": 0.0})
            entry["rows"] += one.rows_examined / len(polls)
            entry["seconds"] += one.seconds / len(polls)
    return sums


def _group_by(database: JobDatabase, runs: int, folder: Path) -> list[Statement]:
    """The peer's statements, each of the same sums of the same jobs."""
    server = database.server
    query = GROUP_BY.replace("\n", " ")
    config = folder / "sql_exporter.yml"
    config.write_text(
        "jobs:\n"
        "- name: slurm\n"
        "  interval: 1s\n"
        "  connections:\n"
        f"  - 'mysql://slurm:{server.passwords['slurm']}@unix({server.socket})/{database.name}'\n"
        "  queries:\n"
        "  - name: slurm_jobs\n"
        "    help: Jobs and what they consumed.\n"
        "    labels: [account, partition, state]\n"
        "    values: [jobs, cpu_seconds]\n"
        f"    query: {query}\n",
        encoding="utf-8",
    )
    command = ["prometheus-sql-exporter", "-config.file", config, "-web.listen-address", f"127.0.0.1:{free_port()}"]
    with StatementLog(server) as log, Program(command) as peer:
        deadline = time.monotonic() + PATIENCE
        while True:
            peer.check()
            found = [one for one in log.statements("slurm") if "GROUP BY" in one.text]
            if len(found) > runs:
                return found[1:]  # the first one warms up
            if time.monotonic() > deadline:
                raise TimeoutError(f"prometheus-sql-exporter made no {runs} queries in {PATIENCE} s")
            time.sleep(0.5)
