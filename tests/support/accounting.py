"""Writes to the accounting tables what slurmdbd writes, for any release from 20.11 to 26.05.

    clock = ManualClock(1_700_000_000)
    writer = SlurmdbdWriter(server.connect(), "23.11", "alpine", clock)
    writer.register_cluster({"cpu": 64, "mem": 256_000, "node": 4, "billing": 64})
    writer.add_account("physics")
    alice = writer.add_user("alice", "physics")
    job = writer.submit(alice, cpus=4)
    clock.advance(10)
    writer.start(job)
    clock.advance(3600)
    writer.end(job)

The tables must be there (schema.create_database, schema.create_cluster). Usage is rolled up by tests/support/rollup.py.
controller_release is the release of the cluster's slurmctld if it is older than slurmdbd's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support import releases
from tests.support.accounts import AccountRecords, Association
from tests.support.arrays import ArrayRecords
from tests.support.jobs import JOB, SUSPEND, Job
from tests.support.nodes import EVENT, NodeRecords
from tests.support.session import ManualClock, system_clock
from tests.support.steps import STEP, StepRecords
from tests.support.values import Action, JobState

__all__ = ["Association", "Job", "JobState", "ManualClock", "SlurmdbdWriter", "system_clock"]


class SlurmdbdWriter(AccountRecords, ArrayRecords, StepRecords, NodeRecords):
    """All of slurmdbd's writing for one cluster. Not thread-safe: one connection, one cluster."""

    def fix_runaway_jobs(self, *jobs: Job, state: JobState = JobState.COMPLETED) -> None:
        """`sacctmgr show runawayjobs`, answered yes: the rows end at their last known time, usage since then is removed."""
        with self.bundle():
            for job in jobs:
                self.execute(
                    f"update {self.table(JOB)} set state = %s, time_end = greatest(time_start, time_eligible, time_submit)"
                    " where time_end = 0 and id_job = %s",
                    (int(state), job.id),
                )
                self.reload(job)
            first = self.local(min(job.time_submit for job in jobs))
            month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            since = int((month - timedelta(days=1)).timestamp())
            names = ("hourly_rollup", "daily_rollup", "monthly_rollup")
            self.update("%_last_ran_table", dict.fromkeys(names, since), "true", ())
            for kind in ("assoc", "wckey"):
                for period in ("hour", "day", "month"):
                    usage = self.table(f"%_{kind}_usage_{period}_table")
                    self.execute(f"delete from {usage} where time_start >= %s", (since,))

    def flush_jobs(self, *, at: int | None = None) -> int:
        """slurmctld started without its state: every open job is cancelled at `at`; the number of rows."""
        instant = self.clock() if at is None else at
        with self.bundle():
            self.update(STEP, {"time_end": instant, "state": int(JobState.CANCELLED)}, "time_end = 0", ())
            self.update(SUSPEND, {"time_end": instant}, "time_end = 0", ())
            return self.update(JOB, {"state": int(JobState.CANCELLED), "time_end": instant}, "time_end = 0", ())

    def modify_job(self, job: Job, actor: str = "root", **columns: Any) -> None:
        """`sacctmgr modify job` (derived_es, wckey, ...; tres_alloc from 25.11): logged and re-rolled where it matters."""
        changes = self.with_tres_strings(columns)
        with self.bundle():
            self.modify(job, **changes)
            info = ", ".join(f"{name}='{value}'" for name, value in changes.items())
            self.record_transaction(Action.MODIFY_JOB, f"(id_job={job.id})", info, actor)
            if "tres_alloc" in changes:
                self.trigger_reroll(job.time_start)

    def reload(self, job: Job) -> Job:
        """Reads the job's row again; the same Job."""
        found = self.select(f"select * from {self.table(JOB)} where id_job = %s and time_submit = %s", (job.id, job.time_submit))
        job.row.update(found[0])
        return job

    def purge(self, before: int) -> dict[str, int]:
        """Removes jobs, steps, suspends, events and usage older than `before` (epoch seconds); rows per table.

        Releases up to 22.05 go by submission or start and keep what is still open, later ones by the end (usage by mod_time).
        """
        newer = releases.at_least(self.release, "23.02")
        rules = {
            STEP: "time_end < %s and time_end <> 0" if newer else "time_start <= %s and time_end <> 0",
            JOB: "time_end < %s and time_end <> 0" if newer else "time_submit < %s and time_end <> 0",
            SUSPEND: "time_end < %s and time_end <> 0" if newer else "time_start < %s and time_end <> 0",
            EVENT: "time_end < %s and time_end <> 0" if newer else "time_start < %s and time_end <> 0",
        }
        for kind in ("assoc_usage", "wckey_usage", "usage", "qos_usage"):
            for period in ("hour", "day", "month"):
                rules[f"%_{kind}_{period}_table"] = "mod_time < %s" if newer else "time_start < %s"
        removed: dict[str, int] = {}
        for table, rule in rules.items():
            if not self.has_table(table):
                continue
            if self.has(table, "deleted") and releases.at_least(self.release, "24.11"):
                with self.bundle():  # marked first, and committed, so that readers see the marks
                    self.update(table, {"deleted": 1}, rule, (before,))
            with self.bundle():
                removed[table] = self.execute(f"delete from {self.table(table)} where {rule}", (before,))
        return removed
