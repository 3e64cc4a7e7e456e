"""What watching usage costs the database: many associations and years of hours, when nothing changes and after a roll-up."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.bench.database import StatementLog
from tests.bench.polls import PATIENCE, Poll, whole_polls
from tests.bench.processes import Program
from tests.bench.report import Figure, Row, as_times, at_most
from tests.support import schema
from tests.support.mariadb import EXPORTER, PrivateMariaDB, free_port

CLUSTER = "alpine"
RELEASES = ("20.11", "26.05")  # without an index on mod_time, and with one
TRES = 8
USED_TRES = "(select id from tres_table where id in (1, 2, 4, 5) or id > 1000)"
YEARS = 3
INTERVAL = 2
HOUR, DAY = 3600, 86_400


class UsageDatabase:
    """Roll-ups of `associations` × 8 TRES over three years; each association was used in one hour of `every`."""

    def __init__(self, server: PrivateMariaDB, release: str, associations: int, every: int) -> None:
        self.server, self.associations = server, associations
        self.name = "usage_" + release.replace(".", "_")
        root = server.connect("root", database=None)
        self._cursor = root.cursor()
        self._run(f"create database {self.name}", f"use {self.name}")
        self._run(*(f"grant select on {self.name}.* to {EXPORTER}@'{host}'" for host in ("localhost", "127.0.0.1")))
        schema.create_database(root, release)
        schema.create_cluster(root, release, CLUSTER)
        self.hour = int(time.time()) // HOUR * HOUR
        names = "creation_time, id_assoc, user, acct"
        values = "1, 10 + seq, concat('user', seq), concat('acct', seq % 100)"
        if release == "26.05":
            names, values = f"{names}, id_parent, lineage", f"{values}, 1, ''"
        else:
            names, values = f"{names}, lft, rgt", f"{values}, 1, 2"
        self._run(
            f"insert into {CLUSTER}_assoc_table ({names}) select {values} from seq_1_to_{associations}",
            "insert ignore into tres_table (creation_time, id, type, name) values " + ", ".join(f"(1, {number}, 'gres', 'g{number}')" for number in range(1001, 1001 + TRES - 4)),
            "set session unique_checks = 0",
        )
        hours = YEARS * 365 * 24
        self.rows = {}
        for level, width, count, gap in (("hour", HOUR, hours, every), ("day", DAY, hours // 24, 4), ("month", 30 * DAY, hours // 720, 1)):
            start = f"{self.hour} - cast((1 + h.seq) * {gap} + a.seq % {gap} as signed) * {width}"
            self.rows[level] = self._run(
                f"insert into {CLUSTER}_assoc_usage_{level}_table (creation_time, mod_time, id, id_tres, time_start, alloc_secs)"
                f" select {start} + {width}, {start} + {width}, 10 + a.seq, t.id, {start}, 3600"
                f" from seq_1_to_{associations} a join {USED_TRES} t"
                f" join seq_0_to_{count // gap - 2} h"
            )
        self._last_ran(self.hour - HOUR)
        self._run(f"analyze table {CLUSTER}_assoc_usage_hour_table")

    def roll_up(self) -> int:
        """The next hour, with usage of every association."""
        self._run("begin")
        rows = self._run(
            f"insert into {CLUSTER}_assoc_usage_hour_table (creation_time, mod_time, id, id_tres, time_start, alloc_secs)"
            f" select unix_timestamp(), unix_timestamp(), 10 + a.seq, t.id, {self.hour - HOUR}, 60 from seq_1_to_{self.associations} a"
            f" join {USED_TRES} t where true on duplicate key update alloc_secs = 60, mod_time = unix_timestamp()"
        )
        self._run("commit")
        self._last_ran(self.hour)
        return rows

    def _last_ran(self, until: int) -> None:
        self._run(f"delete from {CLUSTER}_last_ran_table", f"insert into {CLUSTER}_last_ran_table values ({until}, {until}, {until})")

    def _run(self, *statements: str) -> int:
        for statement in statements:
            self._cursor.execute(statement)
        return self._cursor.rowcount


def measure(exporter: Path, server: PrivateMariaDB, associations: int, every: int) -> tuple[list[Row], dict[str, Any]]:
    table: list[Row] = []
    details: dict[str, Any] = {}
    for release in RELEASES:
        database = UsageDatabase(server, release, associations, every)
        command = [
            str(exporter), f"--database.socket={server.socket}", f"--database.name={database.name}", f"--database.user={EXPORTER}",
            "--timezone=UTC", "--collector.disable-defaults", "--collector.usage", f"--poll.interval={INTERVAL}s",
            f"--web.listen-address=127.0.0.1:{free_port()}",
        ]  # fmt: skip
        with StatementLog(server) as log, Program(command, {"SLURMDBD_EXPORTER_DATABASE_PASSWORD": server.passwords[EXPORTER]}) as program:
            quiet = _wait_for_polls(log, program, database.name, 4)
            rolled = database.roll_up()
            before = len(whole_polls(log)[database.name])
            after = _wait_for_polls(log, program, database.name, before + 4)[before:]
            memory = program.resident()
        busiest = max(after, key=lambda poll: poll.rows)
        stored = Figure.of([database.rows["hour"]], "rows")
        what = f"rows examined by a poll of usage, {associations:,} associations × {TRES} TRES, Slurm {release}"
        table.append(as_times(f"{what}, nothing new", Figure.of((poll.rows for poll in quiet), "rows"), "rows of hours stored", stored, at_most(0.001)))
        table.append(as_times(f"{what}, an hour rolled up", Figure.of([busiest.rows], "rows"), "rows of that hour", Figure.of([rolled], "rows")))
        seconds = Figure.of((poll.seconds for poll in quiet), "s")
        table.append(as_times("database time of such a poll, an hour rolled up", Figure.of([busiest.seconds], "s"), "nothing new", seconds))
        details[release] = {"memory": memory, "statements": [[one.purpose, one.rows_examined, one.seconds] for one in busiest.statements]}
    return table, details


def _wait_for_polls(log: StatementLog, program: Program, database: str, count: int) -> list[Poll]:
    """Its polls, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        program.check()
        polls = whole_polls(log).get(database, [])
        if len(polls) >= count:
            return polls
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {count} polls in {PATIENCE} s")
        time.sleep(0.5)
