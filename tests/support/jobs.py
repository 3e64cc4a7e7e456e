"""Job rows as slurmdbd writes them over a job's life.

    job = writer.submit(association, partition="cpu", cpus=4, mem_mb=8000)
    writer.start(job, nodelist="n1")
    writer.end(job)                                      # COMPLETED, now
    writer.end(job, JobState.FAILED, at=writer.clock() - 5)   # a record that arrives five seconds late

`at` is always when it happened on the controller (epoch seconds); the clock tells when slurmdbd writes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from tests.support import releases
from tests.support.accounts import Association
from tests.support.session import Row, Session, Tres, parse_tres
from tests.support.values import INFINITE, NO_VAL, NO_VAL64, JobFlag, JobState

JOB = "%_job_table"
SUSPEND = "%_suspend_table"


@dataclass
class Job:
    """One row of the job table as last written; `waiting` holds the array tasks the row still stands for."""

    row: Row
    waiting: list[int] = field(default_factory=list)

    @property
    def key(self) -> int:
        """job_db_inx: automatic up to 24.05, an SLUID (up to 2^64) from 24.11."""
        return int(self.row["job_db_inx"])

    @property
    def id(self) -> int:
        return int(self.row["id_job"])

    @property
    def state(self) -> int:
        return int(self.row["state"])

    def __getattr__(self, name: str) -> Any:
        """Columns as attributes: job.time_start, job.id_assoc, ..."""
        row = self.__dict__.get("row", {})
        if name not in row:
            raise AttributeError(name)
        return row[name]


class JobRecords(Session):
    """Submit, start, suspend, resume, resize, requeue, end; arrays and heterogeneous jobs are in arrays.py."""

    def next_job_id(self, count: int = 1) -> int:
        """The first of `count` fresh job ids."""
        known = getattr(self, "_last_job_id", None)
        if known is None:
            known = self.select(f"select coalesce(max(id_job), 0) as n from {self.table(JOB)}")[0]["n"]
        self._last_job_id = int(known) + count
        return int(known) + 1

    def new_key(self) -> int | None:
        """job_db_inx for a new row: an SLUID of now, or None where the database counts itself."""
        if not releases.at_least(self.controller_release, "24.11"):
            return None
        if not hasattr(self, "_cluster_number"):
            self._cluster_number = int(self.select("select id from cluster_table where name = %s", (self.cluster,))[0]["id"])
        key = sluid(self._cluster_number, self.clock() * 1000)
        self._last_key = max(key, getattr(self, "_last_key", 0) + 1)
        return self._last_key

    def submit(self, association: Association, **request: Any) -> Job:
        """Inserts a PENDING row; what may be asked for is told by new_row()."""
        row = self.new_row(association, **request)
        with self.bundle():
            self._insert_job(row)
            self._late(int(row["time_eligible"] or row["time_submit"]))
        return Job(row)

    def new_row(
        self,
        association: Association,
        *,
        partition: str = "cpu",
        cpus: int = 1,
        mem_mb: int = 1000,
        nodes: int = 1,
        tres: Tres | None = None,
        billing: int | None = None,
        timelimit: int = 60,
        qos: str | int = "normal",
        at: int | None = None,
        eligible: int | None = None,
        **columns: Any,
    ) -> Row:
        """A PENDING row, not yet inserted.

        tres: beyond cpu, mem, node and billing, e.g. {'gres/gpu': 2, 'gres/gpu:a100': 2}. timelimit: minutes. eligible: default at
        submission; 0 for a held or dependent job; a later instant for --begin. Other columns by name.
        """
        submitted = self.clock() if at is None else at
        wanted: dict[str, int] = {"cpu": cpus, "mem": mem_mb, "node": nodes, "billing": cpus if billing is None else billing}
        request = self.tres_string(wanted | dict(tres or {}))
        row = {
            "job_db_inx": self.new_key(),
            "mod_time": self.clock(),
            "account": association.account,
            "array_task_str": None,
            "array_max_tasks": 0,
            "array_task_pending": 0,
            "cpus_req": cpus,
            "exit_code": 0,
            "flags": 0,
            "job_name": "job",
            "id_assoc": association.id,
            "id_array_job": 0,
            "id_array_task": NO_VAL,
            "id_job": columns.get("id_job") or self.next_job_id(),
            "id_qos": qos if isinstance(qos, int) else self._cached_qos(qos),
            "id_resv": 0,
            "id_wckey": 0,
            "id_user": association.uid,
            "id_group": association.uid,
            "het_job_id": 0,
            "het_job_offset": NO_VAL,
            "state_reason_prev": 0,
            "mem_req": mem_mb // max(nodes, 1),
            "nodelist": "None assigned",
            "nodes_alloc": 0,
            "partition": partition,
            "priority": 1000,
            "state": int(JobState.PENDING),
            "timelimit": timelimit,
            "time_submit": submitted,
            "time_eligible": submitted if eligible is None else eligible,
            "time_start": 0,
            "time_end": 0,
            "time_suspended": 0,
            "wckey": "",
            "track_steps": 0,
            "tres_alloc": "",
            "tres_req": request,
        }
        return row | columns

    def become_eligible(self, job: Job, *, at: int | None = None) -> None:
        """A hold, dependency or begin time is over: an update by the start message."""
        self._change(job, {"time_eligible": self._when(at), "mod_time": self.clock()})

    def modify(self, job: Job, **columns: Any) -> None:
        """Any other update by the start message (partition, QOS, time limit, a forecast time_start, ...)."""
        self._change(job, columns | {"mod_time": self.clock()})

    def start(
        self, job: Job, *, at: int | None = None, nodelist: str = "n1", nodes: int = 1, tres: Tres | None = None, **columns: Any
    ) -> None:
        """RUNNING. tres: what was allocated, by default what was asked for; energy reads 'not known' while it runs."""
        started = self._when(at)
        allocated = self.tres_string(tres) if tres is not None else job.tres_req
        changes = {
            "state": max(job.state, int(JobState.RUNNING)),
            "time_start": started,
            "nodelist": nodelist,
            "nodes_alloc": nodes,
            "partition": job.partition.split(",")[0],
            "tres_alloc": f"{allocated},3={NO_VAL64}" if allocated else "",
            "flags": job.flags | JobFlag.MAIN_SCHEDULER | (JobFlag.START_RECEIVED if releases.at_least(self.release, "22.05") else 0),
            "mod_time": self.clock(),
        }
        with self.bundle():
            self._change(job, changes | columns)
            if releases.at_least(self.release, "25.11"):  # older ones re-roll only for rows not known before
                self._late(started)

    def suspend(self, job: Job, *, at: int | None = None) -> None:
        """SUSPENDED: time_suspended becomes an instant, a row in the suspend table opens; mod_time stays."""
        instant = self._when(at)
        with self.bundle():
            self._change(job, {"state": int(JobState.SUSPENDED), "time_suspended": instant - job.time_suspended})
            row = {"job_db_inx": job.key, "id_assoc": job.id_assoc, "time_start": instant, "time_end": 0}
            self.insert(SUSPEND, row, "time_end = 0")

    def resume(self, job: Job, *, at: int | None = None) -> None:
        """RUNNING again: time_suspended becomes the sum of seconds, the suspend row closes."""
        instant = self._when(at)
        with self.bundle():
            self._change(job, {"state": int(JobState.RUNNING), "time_suspended": instant - job.time_suspended})
            self.update(SUSPEND, {"time_end": instant}, "job_db_inx = %s and time_end = 0", (job.key,))

    def end(
        self,
        job: Job,
        state: JobState | int = JobState.COMPLETED,
        *,
        at: int | None = None,
        exit_code: int = 0,
        energy: int | None = None,
        killed_by: int | None = None,
        **columns: Any,
    ) -> None:
        """A final state. exit_code: as of wait(2). energy: joules of the whole job if gathered. A job that never started keeps start 0."""
        ended = self._when(at)
        changes: Row = {"state": int(state), "time_end": ended, "exit_code": exit_code, "mod_time": self.clock()}
        if energy is not None:
            known = {number: count for number, count in parse_tres(job.tres_alloc).items() if number != 3}
            changes["tres_alloc"] = ",".join(f"{n}={c}" for n, c in (known | {3: energy}).items())
        if killed_by is not None:
            changes["kill_requid"] = killed_by
        with self.bundle():
            if job.state == JobState.SUSPENDED:
                self.resume(job, at=ended)
            self._change(job, changes | columns)
            self._late(ended)

    def requeue(self, job: Job, *, at: int | None = None, state: JobState = JobState.REQUEUED) -> Job:
        """Ends the row (REQUEUED, or NODE_FAIL, PREEMPTED) and inserts a pending one with the same id_job; the new one."""
        instant = self._when(at)
        fresh = {"state": 0, "time_start": 0, "time_end": 0, "time_suspended": 0, "tres_alloc": "", "flags": 0}
        fresh |= {"nodelist": "None assigned", "nodes_alloc": 0, "exit_code": 0}
        with self.bundle():
            self.end(job, state, at=instant)
            row = job.row | fresh | {"time_submit": instant, "time_eligible": instant}
            return self._again(row | {"restart_cnt": int(job.row.get("restart_cnt") or 0) + 1})

    def resize(self, job: Job, tres: Tres, *, nodes: int = 1, nodelist: str = "n1", at: int | None = None) -> Job:
        """Ends the row as RESIZING and inserts a running one that goes on with other resources; the new one."""
        instant = self._when(at)
        allocated = self.tres_string(tres)
        with self.bundle():
            self.end(job, JobState.RESIZING, at=instant)
            row = job.row | {"state": int(JobState.RUNNING), "time_end": 0, "time_suspended": 0, "nodes_alloc": nodes}
            row |= {"nodelist": nodelist, "tres_alloc": f"{allocated},3={NO_VAL64}"}
            # slurmctld sends the job's own start time again, so both rows hold it.
            return self._again(row | {"time_submit": instant, "time_eligible": instant})

    def rewrite_key(self, job: Job) -> None:
        """A repeated insert replaces the primary key of the row (24.11 and newer)."""
        fresh = self.new_key()
        if fresh is None:
            raise ValueError(f"keys are not rewritten by {self.controller_release}")
        self._change(job, {"job_db_inx": fresh, "mod_time": self.clock()})

    def open_jobs(self) -> list[Job]:
        """All rows without an end, as they are in the table."""
        return [Job(row) for row in self.select(f"select * from {self.table(JOB)} where time_end = 0 order by job_db_inx")]

    def trigger_reroll(self, instant: int) -> None:
        """News of the past: the next roll-up begins again at `instant` (epoch seconds)."""
        names = ("hourly_rollup", "daily_rollup", "monthly_rollup")
        self.update("%_last_ran_table", dict.fromkeys(names, instant), "hourly_rollup > %s", (instant,))

    def _late(self, instant: int) -> None:
        if 0 < instant < INFINITE:
            self.trigger_reroll(instant)

    def _when(self, at: int | None) -> int:
        return self.clock() if at is None else at

    def _cached_qos(self, name: str) -> int:
        known: dict[str, int] = self.__dict__.setdefault("_qos_ids", {})
        if name not in known:
            known[name] = int(self.select("select id from qos_table where name = %s", (name,))[0]["id"])
        return known[name]

    def _insert_job(self, row: Row) -> None:
        """Inserts the row and notes its key in it; a repeated (id_job, time_submit) updates the old row."""
        automatic = row["job_db_inx"] is None
        if releases.at_least(self.release, "26.05"):
            row["sluid"] = row.get("sluid") or row["job_db_inx"] or 0
        given = {name: value for name, value in row.items() if not (automatic and name == "job_db_inx")}
        update = "job_db_inx = last_insert_id(job_db_inx)" if automatic else "job_db_inx = values(job_db_inx)"
        number = self.insert(JOB, given, update + ", state = greatest(state, values(state)), mod_time = values(mod_time)")
        if automatic:
            row["job_db_inx"] = number

    def _again(self, row: Row) -> Job:
        """Inserts a further instance of a job."""
        row = dict(row) | {"job_db_inx": self.new_key(), "mod_time": self.clock()}
        self._insert_job(row)
        return Job(row)

    def _change(self, job: Job, changes: Mapping[str, Any]) -> None:
        changes = self.known(JOB, {name: int(value) if isinstance(value, bool) else value for name, value in changes.items()})
        with self.bundle():
            self.update(JOB, changes, "job_db_inx = %s", (job.key,))
        job.row.update(changes)


def sluid(cluster_number: int, milliseconds: int, sequence: int = 0) -> int:
    """A job key of slurmctld 24.11 and newer: 12 bits cluster, 42 bits milliseconds since 1970, 10 bits sequence."""
    return (cluster_number & 0xFFF) << 52 | (milliseconds & ((1 << 42) - 1)) << 10 | (sequence & 0x3FF)
