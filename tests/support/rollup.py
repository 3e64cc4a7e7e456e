"""Rolls jobs, suspensions and events up into the usage tables, as slurmdbd does every hour.

    Rollup(writer).run()        # from where the last one ended to the start of the current hour, then days, then months

Hours are counted per association, wckey, QOS (24.11 and newer) and for the whole cluster. Energy is added in the hour a job ended.
Reservations: their TRES count as allocated by the cluster instead of their jobs', but not with IGNORE_JOBS; of all of them the time in
which no job of theirs ran is split among their associations, whatever part of the reservation the jobs hold.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from tests.support.cluster_usage import COUNTERS, ClusterUsage, planned_column
from tests.support.hours import HOUR, overlap, slices, upsert
from tests.support.jobs import JOB, SUSPEND
from tests.support.nodes import EVENT, RESERVATION
from tests.support.session import Session, parse_tres
from tests.support.values import INFINITE, NO_VAL64, ReservationFlag

CPU, ENERGY, NODE = 1, 3, 4
PERIODS = ("hour", "day", "month")
Sums = defaultdict[tuple[int, ...], int]  # (ids..., tres, hour's start) -> TRES-seconds, joules for energy

_parsed = lru_cache(maxsize=100_000)(parse_tres)


class Rollup:
    """One cluster's roll-ups; `session` is any writer of that cluster, its timezone rules days and months."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def run(self, until: int | None = None) -> int:
        """Rolls up to the local hour's start at or before `until` (default now); the number of hours done."""
        session = self.session
        end = self._floor_hour(session.clock() if until is None else until)
        marks = self._marks(end)
        if marks is None:
            return 0
        hourly, daily, monthly = marks
        start = self._floor_hour(hourly)
        if start < end:
            with session.bundle():
                self._hours(start, end)
            self._sum_up("hour", "day", self._boundaries(daily, end, self._floor_day, 1))
            self._sum_up("day", "month", self._boundaries(monthly, end, self._floor_month, 31))
        with session.bundle():
            changes = {
                "hourly_rollup": max(start, end),
                "daily_rollup": self._floor_day(end),
                "monthly_rollup": self._floor_month(end),
            }
            session.update("%_last_ran_table", changes, "true", ())
        return max(0, (end - start) // HOUR)

    def _marks(self, end: int) -> tuple[int, int, int] | None:
        """last_ran's three instants; the first time ever they start at the cluster's first registration."""
        session = self.session
        rows = session.select(f"select * from {session.table('%_last_ran_table')}")
        if rows:
            return rows[0]["hourly_rollup"], rows[0]["daily_rollup"], rows[0]["monthly_rollup"]
        first = session.select(f"select min(time_start) as n from {session.table(EVENT)} where node_name = ''")[0]["n"]
        with session.bundle():
            names = ("hourly_rollup", "daily_rollup", "monthly_rollup")
            session.insert("%_last_ran_table", dict.fromkeys(names, end if first is None else first))
        return None if first is None else (first, first, first)

    # -- hours

    def _hours(self, start: int, end: int) -> None:
        session = self.session
        names = "job_db_inx, id_assoc, id_qos, id_wckey, id_resv, cpus_req, array_task_pending, tres_alloc, "
        names += "time_eligible, time_start, time_end"
        jobs = session.select(
            f"select {names} from {session.table(JOB)}"
            " where time_eligible <> 0 and time_eligible < %s and (time_end >= %s or time_end = 0)",
            (end, start),
        )
        reservations = session.select(
            f"select * from {session.table(RESERVATION)} where time_start < %s and time_end > %s", (end, start)
        )
        not_counted = {r["id_resv"] for r in reservations if not r["flags"] & ReservationFlag.IGNORE_JOBS}
        paused = self._suspensions(start, end)
        cluster = ClusterUsage(session, start, end)
        by_shape: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])  # -> [seconds, suspended seconds]
        held: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)  # reservation -> from when to when its jobs ran
        energy: list[tuple[dict[str, Any], int, int]] = []
        for job in jobs:
            if job["time_eligible"] == INFINITE:
                continue
            began, ended = job["time_start"], job["time_end"]
            reserved = job["id_resv"] in not_counted
            if not reserved:
                waited = min(began or ended or end, end)
                for hour, seconds in slices(max(job["time_eligible"], start), waited, start):
                    cluster.plan(hour, seconds * job["cpus_req"] * max(job["array_task_pending"], 1))
            if not began or not job["tres_alloc"]:
                continue
            if job["id_resv"]:
                held[job["id_resv"]].append((began, ended or end))
            shape = (job["id_assoc"], job["id_wckey"], job["id_qos"], reserved, job["tres_alloc"])
            for hour, seconds in slices(max(began, start), min(ended or end, end), start):
                sums = by_shape[(*shape, hour)]
                sums[0] += seconds
                if pauses := paused.get(job["job_db_inx"]):
                    sums[1] += sum(overlap(a, b, max(hour, began), min(hour + HOUR, ended or end)) for a, b in pauses)
            joules = _parsed(job["tres_alloc"]).get(ENERGY, NO_VAL64)
            if 0 < joules < NO_VAL64 - 1 and start <= ended < end:
                energy.append((job, start + (ended - start) // HOUR * HOUR, joules))
        totals = {kind: defaultdict(int) for kind in ("assoc", "wckey", "qos")}

        def count(assoc: int, wckey: int, qos: int, tres: int, hour: int, amount: int) -> None:
            totals["assoc"][assoc, 0, tres, hour] += amount
            totals["qos"][assoc, qos, tres, hour] += amount
            totals["wckey"][wckey, 0, tres, hour] += amount  # jobs without one have id 0

        for (assoc, wckey, qos, reserved, text, hour), (seconds, suspended) in by_shape.items():
            for tres, number in _parsed(text).items():
                if tres == ENERGY or number >= NO_VAL64 - 1:
                    continue
                amount = number * (max(0, seconds - suspended) if tres == CPU else seconds)
                count(assoc, wckey, qos, tres, hour, amount)
                if not reserved and tres != NODE:
                    cluster.allocate(tres, hour, amount)
        for job, hour, joules in energy:
            count(job["id_assoc"], job["id_wckey"], job["id_qos"], ENERGY, hour, joules)
            if job["id_resv"] not in not_counted:
                cluster.allocate(ENERGY, hour, joules)
        for row in reservations:
            self._reserve(row, start, end, held[row["id_resv"]], cluster, totals["assoc"])
        for kind, sums in totals.items():
            self._store(kind, sums)
        cluster.store()

    def _reserve(
        self, row: dict[str, Any], start: int, end: int, held: list[tuple[int, int]], cluster: ClusterUsage, assoc: Sums
    ) -> None:
        """Counts one reservation row, and splits the time in which none of its jobs ran. held: from when to when they did."""
        owners = [int(text) for text in row["assoclist"].split(",") if text]
        begin = max(row["time_start"], start)
        for hour, seconds in slices(begin, min(row["time_end"], end), start):
            first = max(begin, hour)
            unused = max(0, seconds - sum(overlap(a, b, first, first + seconds) for a, b in held))
            for tres, number in _parsed(row["tres"]).items():
                if tres in (ENERGY, NODE):
                    continue
                if row["flags"] & ReservationFlag.MAINT:
                    cluster.maintain(tres, hour, number * seconds)
                elif not row["flags"] & ReservationFlag.IGNORE_JOBS:
                    cluster.allocate(tres, hour, number * seconds)
                for owner in owners:
                    assoc[owner, 0, tres, hour] += number * unused // len(owners)

    def _suspensions(self, start: int, end: int) -> dict[int, list[tuple[int, int]]]:
        """Suspended intervals [from, to) that overlap the window, by job row."""
        session = self.session
        found: dict[int, list[tuple[int, int]]] = {}
        sql = f"select * from {session.table(SUSPEND)} where time_start < %s and (time_end >= %s or time_end = 0)"
        for row in session.select(sql, (end, start)):
            found.setdefault(row["job_db_inx"], []).append((row["time_start"], row["time_end"] or end))
        return found

    def _store(self, kind: str, sums: Sums) -> None:
        table = f"%_{kind}_usage_hour_table"
        if self.session.has_table(table):
            now = self.session.clock()
            rows = ((now, now, *key, amount) for key, amount in sorted(sums.items()))
            upsert(self.session, table, ("creation_time", "mod_time", "id", "id_alt", "id_tres", "time_start", "alloc_secs"), rows)

    # -- days and months

    def _sum_up(self, finer: str, coarser: str, boundaries: list[int]) -> None:
        """Sums the finer table into the coarser one for the periods between consecutive boundaries."""
        session = self.session
        if len(boundaries) < 2:
            return
        listed = ", ".join(str(boundary) for boundary in boundaries[:-1])
        period = f"elt(interval(time_start, {listed}), {listed})"
        now = session.clock()
        ids = {"assoc": ["id", "id_tres"], "wckey": ["id", "id_tres"], "qos": ["id", "id_alt", "id_tres"], "": ["id_tres"]}
        for kind, keys in ids.items():
            stem = f"%_{kind}_usage_" if kind else "%_usage_"
            if not session.has_table(f"{stem}{finer}_table"):
                continue
            sums = ["alloc_secs"] if kind else [*COUNTERS, planned_column(session.release)]
            values = [f"sum({name})" for name in sums] + ([] if kind else ["max(count)"])
            names = sums + ([] if kind else ["count"])
            columns = ", ".join(["creation_time", "mod_time", *keys, "time_start", *names])
            changes = ", ".join(f"`{name}` = values(`{name}`)" for name in ["mod_time", *names])
            with session.bundle():
                session.execute(
                    f"insert into {session.table(f'{stem}{coarser}_table')} ({columns})"
                    f" select {now}, {now}, {', '.join(keys)}, {period} as period, {', '.join(values)}"
                    f" from {session.table(f'{stem}{finer}_table')}"
                    f" where time_start >= {boundaries[0]} and time_start < {boundaries[-1]} group by {', '.join(keys)}, period"
                    f" on duplicate key update {changes}"
                )

    def _boundaries(self, start: int, end: int, floor: Any, days: int) -> list[int]:
        """Starts of all complete local days or months in [start, end), and the end of the last."""
        found, last = [floor(start)], floor(end)
        while found[-1] < last:
            found.append(floor(self._local_midnight(self.session.local(found[-1] + 12 * HOUR).replace(tzinfo=None) + timedelta(days=days))))
        return found if len(found) > 1 else []

    def _floor_hour(self, instant: int) -> int:
        local = self.session.local(instant)
        return instant - local.minute * 60 - local.second

    def _floor_day(self, instant: int) -> int:
        return self._local_midnight(self.session.local(instant).replace(tzinfo=None))

    def _floor_month(self, instant: int) -> int:
        return self._local_midnight(self.session.local(instant).replace(tzinfo=None, day=1))

    def _local_midnight(self, local: datetime) -> int:
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return int(day.replace(tzinfo=self.session.timezone).timestamp())
