"""What the counters have to be while somebody else writes the tables, and by how much that ever came down.

    truth = Truth(server, ("alpha", "beta"), epoch, settle)
    truth.step()                       # now and then: before and after whatever may take something back
    truth.steps[-1].counts             # by SQL, for `settle` seconds ago
    truth.steps[-1].taken              # {reason: {series: by how much it came down since the step before}}

At each step the job tables are copied. A job whose row changed or vanished since the copy before is counted in both, for the
same instant: where the old copy comes to more, as it does for an open row that turns out to have ended long ago, that much
was taken back. Rows that end as records come in, within `settle`, take nothing back; if steps are seconds apart. A row that
started and ended since the copy before may have been seen running in between: it counts as if it was there.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tests.storm.recount import Counts, Key, recount
from tests.support.mariadb import PrivateMariaDB

# Copied: what recount() reads.
SHARED = ("qos_table", "tres_table")
OF_A_CLUSTER = ("job_table", "suspend_table", "assoc_table")
LOOKED_AT = ("id_job", "time_start", "time_end", "time_suspended", "state", "tres_alloc", "id_assoc", "id_qos", "partition")
PURGED, RUNAWAY, LATE = "purged", "repaired runaway", "ended long ago"


@dataclasses.dataclass
class Step:
    begun: float  # when the step before read the tables, epoch seconds
    read: float  # when this one began to
    ended: float
    counts: Counts
    taken: dict[str, Counter[Key]]


class Truth:
    """step(), jobs() and open_jobs() may be called by several threads."""

    def __init__(self, server: PrivateMariaDB, clusters: Sequence[str], epoch: int, settle: int, at_once: int) -> None:
        """Jobs with an id from `at_once` on that were not there start and end in one transaction."""
        self.at_once = at_once
        self.clusters, self.epoch, self.settle = tuple(clusters), epoch, settle
        self.steps: list[Step] = []
        self._real = server.database
        self._copies = ["storm_old", "storm_new"]
        self._connection = server.connect("root", database=None)
        self._connection.autocommit(True)
        self._cursor = self._connection.cursor()
        # Reads of this level wait for nobody, and nobody for them.
        self._run("set session transaction isolation level read committed", "set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")
        self._tables = [*SHARED, *(f"{cluster}_{table}" for cluster in clusters for table in OF_A_CLUSTER)]
        for copy in self._copies:
            self._run(f"create database {copy}")
            self._run(*(f"create table {copy}.`{table}` like {self._real}.`{table}`" for table in self._tables))
        self._lock = threading.Lock()
        self._known_at = time.time()
        self._copy()

    def step(self) -> Step:
        with self._lock:
            return self._step()

    def _step(self) -> Step:
        self._copies.reverse()
        read = time.time()
        self._copy()
        as_of = int(time.time()) - self.settle
        taken: dict[str, Counter[Key]] = {}
        for cluster in self.clusters:
            for reason, jobs in self._changed(cluster):
                before, after = (self._count(copy, cluster, as_of, jobs) for copy in self._copies)
                for key, amount in before.items():
                    if (less := amount - after.get(key, 0)) > 0:
                        taken.setdefault(reason, Counter())[key] += less
        counts: Counts = {}
        for cluster in self.clusters:
            counts |= self._count(self._copies[1], cluster, as_of)
        step = Step(self._known_at, read, time.time(), counts, taken)
        self._known_at = read
        self.steps.append(step)
        return step

    def taken(self, since: float = 0, until: float = float("inf")) -> dict[str, Counter[Key]]:
        """By reason and series, what was taken back in the steps that have something in common with that time."""
        sums: dict[str, Counter[Key]] = {}
        for step in self.steps:
            if step.ended > since and step.begun <= until:
                for reason, counter in step.taken.items():
                    sums.setdefault(reason, Counter()).update(counter)
        return sums

    def jobs(self) -> list[int]:
        """Ids of all jobs in the tables, as of the last step."""
        found: set[int] = set()
        for cluster in self.clusters:
            with self._lock:
                found |= {row[0] for row in self._select(f"select distinct id_job from {self._copies[1]}.`{cluster}_job_table`")}
        return sorted(found)

    def open_jobs(self) -> int:
        """How many rows have no end, now."""
        with self._lock:
            return sum(self._select(f"select count(*) from {self._real}.`{cluster}_job_table` where time_end = 0")[0][0] for cluster in self.clusters)

    def _copy(self) -> None:
        copy = self._copies[1]
        for table in self._tables:
            self._run(f"delete from {copy}.`{table}`", f"insert into {copy}.`{table}` select * from {self._real}.`{table}`")

    def _changed(self, cluster: str) -> Iterable[tuple[str, list[int]]]:
        """(why, ids) of the jobs that are to be counted together: in one job rows may make up for each other, not in several."""
        old, new = (f"{copy}.`{cluster}_job_table`" for copy in self._copies)
        unseen = self._select(
            f"select n.job_db_inx from {new} n left join {old} o on o.job_db_inx = n.job_db_inx where n.id_job < {self.at_once}"
            " and n.time_start > 0 and n.time_end > 0 and n.tres_alloc <> '' and ifnull(o.time_start, 0) = 0"
        )
        if unseen:
            these = f"job_db_inx in ({', '.join(str(key) for key, in unseen)})"
            self._run(f"replace into {old} select * from {new} where {these}", f"update {old} set time_end = 0, state = 1, mod_time = 0 where {these}")
        same = " and ".join(f"o.`{column}` <=> n.`{column}`" for column in LOOKED_AT)
        rows = self._select(
            # The repair of runaways leaves mod_time as it was.
            "select o.id_job, n.job_db_inx is null and o.time_end > 0, o.time_end = 0 and n.mod_time = o.mod_time"
            " and n.time_end = greatest(n.time_start, n.time_eligible, n.time_submit)"
            f" from {old} o left join {new} n on n.job_db_inx = o.job_db_inx where not ({same}) or n.job_db_inx is null"
        )
        purged = [job for job, gone, _ in rows if gone]
        if purged:
            yield PURGED, purged
        for job, gone, runaway in rows:
            if not gone:
                yield RUNAWAY if runaway else LATE, [job]

    def _count(self, copy: str, cluster: str, as_of: int, jobs: list[int] | None = None) -> Counts:
        self._run(f"use {copy}")
        return recount(self._cursor, cluster, self.epoch, as_of, jobs)

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._cursor.execute(statement)

    def _select(self, sql: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql)
        return list(self._cursor.fetchall())
