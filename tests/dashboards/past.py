"""Turns the demo's database back in time, so that the exporter can show each moment of the days before.

The history ends at one instant. `rewind` takes off what happened after an earlier one: jobs that were not submitted yet go, those
that had not started wait again, those that had not ended run again, roll-ups end with the hour before, changes by administrators go.
It only goes backwards.
"""

from __future__ import annotations

from tests.support.session import Session
from tests.support.values import JobState

HOUR, DAY = 3600, 86_400


def prepare(session: Session) -> None:
    """Indexes that make rewinding quick; the exporter does not need them."""
    for kind in _usage_tables(session):
        for period in ("hour", "day", "month"):
            session.execute(f"create index rewind on {session.table(f'%_{kind}_{period}_table')} (time_start)")
    session.execute(f"create index rewind on {session.table('%_job_table')} (time_submit)")


def rewind(session: Session, instant: int) -> None:
    """To `instant`, epoch seconds, which is before that of the last call. Days and months are UTC's."""
    jobs, events = session.table("%_job_table"), session.table("%_event_table")
    with session.bundle():
        session.execute(f"delete from {jobs} where time_submit > %s", (instant,))
        session.execute(
            f"update {jobs} set state = %s, time_start = 0, time_end = 0, tres_alloc = '', nodes_alloc = 0, exit_code = 0"
            " where time_start > %s or (time_start = 0 and time_end > %s)",
            (int(JobState.PENDING), instant, instant),
        )
        session.execute(
            f"update {jobs} set state = %s, time_end = 0, exit_code = 0 where time_end > %s", (int(JobState.RUNNING), instant)
        )
        session.execute(f"delete from {session.table('%_suspend_table')} where time_start > %s", (instant,))
        session.execute(f"delete from {events} where time_start > %s", (instant,))
        session.execute("delete from txn_table where timestamp > %s", (instant,))
        session.execute(f"update {events} set time_end = 0 where time_end > %s", (instant,))
        rolled_up = {"hour": instant // HOUR * HOUR, "day": instant // DAY * DAY, "month": _month(session, instant)}
        for kind in _usage_tables(session):
            for period, end in rolled_up.items():
                session.execute(f"delete from {session.table(f'%_{kind}_{period}_table')} where time_start >= %s", (end,))
        session.execute(
            f"update {session.table('%_last_ran_table')} set hourly_rollup = %s, daily_rollup = %s, monthly_rollup = %s",
            tuple(rolled_up.values()),
        )


def _usage_tables(session: Session) -> list[str]:
    """Parts of the names of the tables with roll-ups that this release has."""
    kinds = ("usage", "assoc_usage", "wckey_usage", "qos_usage")
    there = {next(iter(row.values())) for row in session.select("show tables")}
    return [kind for kind in kinds if session.table(f"%_{kind}_hour_table").strip("`") in there]


def _month(session: Session, instant: int) -> int:
    return int(session.local(instant).replace(day=1, hour=0, minute=0, second=0).timestamp())
