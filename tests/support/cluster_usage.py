"""The cluster's own hourly usage row: capacity split into allocated, down, planned down, idle, planned and overcommitted."""

from __future__ import annotations

from collections import defaultdict

from tests.support import releases
from tests.support.hours import slices, upsert
from tests.support.nodes import EVENT
from tests.support.session import Session, parse_tres
from tests.support.values import NodeState

CPU, ENERGY, NODE = 1, 3, 4
COUNTERS = ("alloc_secs", "down_secs", "pdown_secs", "idle_secs", "over_secs")
Amounts = defaultdict[tuple[int, int], int]  # (tres, hour's start) -> TRES-seconds


def planned_column(release: str) -> str:
    """The column for planned time, named differently in 20.11."""
    return "plan_secs" if releases.at_least(release, "21.08") else "resv_secs"


class ClusterUsage:
    """Collects the hours [start, end) of one cluster; store() writes their rows. Instants are epoch seconds."""

    def __init__(self, session: Session, start: int, end: int) -> None:
        self._session = session
        self._start = start
        self._end = end
        self._allocated: Amounts = defaultdict(int)
        self._maintained: Amounts = defaultdict(int)
        self._planned: defaultdict[int, int] = defaultdict(int)

    def allocate(self, tres: int, hour: int, amount: int) -> None:
        self._allocated[tres, hour] += amount

    def maintain(self, tres: int, hour: int, amount: int) -> None:
        """Planned down time of a maintenance reservation."""
        self._maintained[tres, hour] += amount

    def plan(self, hour: int, cpu_seconds: int) -> None:
        """Time jobs waited, times their CPUs."""
        self._planned[hour] += cpu_seconds

    def store(self) -> None:
        """Writes one row per hour and registered TRES but nodes, and for energy; none for hours without a registered capacity."""
        count: dict[tuple[int, int], int] = {}
        total: Amounts = defaultdict(int)
        began: dict[int, int] = {}
        down: Amounts = defaultdict(int)
        planned_down = self._maintained
        session = self._session
        sql = f"select * from {session.table(EVENT)} where time_start < %s and (time_end >= %s or time_end = 0) order by time_start"
        events = session.select(sql, (self._end, self._start))
        for event in events:
            first = max(event["time_start"], self._start)
            for hour, seconds in slices(first, min(event["time_end"] or self._end, self._end), self._start):
                if not event["node_name"] and event["state"] == 0:
                    began.setdefault(hour, max(first, hour))
                for tres, number in parse_tres(event["tres"]).items():
                    if event["node_name"]:
                        planned = self._counts_as_planned(event["state"])
                        (planned_down if planned else down)[tres, hour] += number * seconds
                    elif event["state"] == 0:
                        count[tres, hour] = number
                        total[tres, hour] += number * seconds
        for event in events:  # the whole cluster while its controller was away
            if not event["node_name"] and event["state"]:
                first = max(event["time_start"], self._start)
                for hour, seconds in slices(first, min(event["time_end"] or self._end, self._end), self._start):
                    for tres, known in list(count):
                        if known == hour:
                            down[tres, hour] += count[tres, hour] * seconds
        now = session.clock()
        rows = []
        energy = {key for key in self._allocated if key[0] == ENERGY and key[1] in began}
        for tres, hour in sorted(energy | {key for key in count if key[0] != NODE}):
            whole = total[tres, hour]
            wanted = self._allocated[tres, hour]
            if whole == 0:
                split = (wanted, 0, 0, 0, wanted, 0)
            else:
                alloc = min(wanted, whole)
                away = min(down[tres, hour], whole - alloc)
                maintained = min(planned_down[tres, hour], whole - alloc - away)
                planned = self._planned[hour] if tres == CPU else 0
                idle = whole - alloc - away - maintained - planned
                over = 0
                if idle < 0:
                    over, planned, idle = -idle, planned + idle, 0
                split = (alloc, away, maintained, idle, over, planned)
            rows.append((now, now, tres, began[hour], count.get((tres, hour), 0), *split))
        names = ("creation_time", "mod_time", "id_tres", "time_start", "count", *COUNTERS, planned_column(session.release))
        upsert(session, "%_usage_hour_table", names, rows)

    def _counts_as_planned(self, state: int) -> bool:
        if not releases.at_least(self._session.release, "22.05"):
            return False
        return state & 0xF == NodeState.FUTURE or bool(state & NodeState.POWERED_DOWN)
