"""Usage by period, reckoned from the tables in another way than the exporter's: plain sums over all hours, in Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.integration.samples import Samples
from tests.support.accounting import SlurmdbdWriter

PERIODS = ("day", "month", "quarter", "year")
Figures = dict[tuple[str, ...], int]


def windows(zone: ZoneInfo, instant: int) -> dict[str, tuple[int, int]]:
    """Period -> [from, to) of those to date and of the last complete ones."""
    midnight = datetime.fromtimestamp(instant, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    month = midnight.replace(day=1)
    starts = {
        "day": midnight,
        "month": month,
        "quarter": month.replace(month=(month.month - 1) // 3 * 3 + 1),
        "year": month.replace(month=1),
    }
    before = {
        "day": midnight - timedelta(days=1),
        "month": (month - timedelta(days=1)).replace(day=1),
        "quarter": _months_before(starts["quarter"], 3),
        "year": starts["year"].replace(year=month.year - 1),
    }

    def at(local: datetime) -> int:
        return int(local.replace(tzinfo=zone).timestamp())

    found = {name: (at(starts[name]), instant) for name in PERIODS}
    return found | {f"last_{name}": (at(before[name]), at(starts[name])) for name in PERIODS}


def _months_before(first: datetime, count: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 - count, 12)
    return first.replace(year=year, month=month + 1)


def rolled_up(writer: SlurmdbdWriter, zone: ZoneInfo, instant: int) -> dict[str, Figures]:
    """Per family, labels less the cluster -> amount in base units; figures of 0 left out."""
    spans = windows(zone, instant)
    tres: dict[int, tuple[str, int]] = {}
    for row in writer.select("select id, type, name from tres_table"):
        name = f"{row['type']}/{row['name']}" if row["name"] else row["type"]
        tres[row["id"]] = (name, 2**20 if row["type"] == "mem" else 1)
    associations = {row["id_assoc"]: row for row in writer.select(f"select * from {writer.table('%_assoc_table')}")}
    accounts = {row["acct"]: row for row in associations.values() if not row["user"]}
    wckeys = {row["id_wckey"]: row for row in writer.select(f"select * from {writer.table('%_wckey_table')}")}
    qos = {row["id"]: row["name"] for row in writer.select("select id, name from qos_table")}
    found: dict[str, Figures] = {kind: defaultdict(int) for kind in ("account", "user", "wckey", "qos")}

    def count(kind: str, names: tuple[str, ...], row: dict[str, int]) -> None:
        name, unit = tres[row["id_tres"]]
        for period, (start, end) in spans.items():
            if start <= row["time_start"] < end:
                found[kind][(*names, name, period)] += row["alloc_secs"] * unit

    for row in writer.select(f"select * from {writer.table('%_assoc_usage_hour_table')}"):
        leaf = associations[row["id"]]
        account = accounts[leaf["acct"]]
        while True:
            count("account", (account["acct"],), row)
            if account["acct"] == "root":
                break
            account = accounts[account["parent_acct"]]
        if leaf["user"]:
            count("user", (leaf["acct"], leaf["user"]), row)
    for row in writer.select(f"select * from {writer.table('%_wckey_usage_hour_table')}"):
        if row["id"]:  # 0: jobs without one
            count("wckey", (wckeys[row["id"]]["wckey_name"], wckeys[row["id"]]["user"]), row)
    if writer.has_table("%_qos_usage_hour_table"):
        for row in writer.select(f"select * from {writer.table('%_qos_usage_hour_table')}"):
            count("qos", (qos[row["id_alt"]],), row)
    return {kind: {key: value for key, value in figures.items() if value} for kind, figures in found.items()}


ORDER = {"account": ("account",), "user": ("account", "user"), "wckey": ("wckey", "user"), "qos": ("qos",)}


def shown(page: Samples, kind: str, *, rolled: bool, cluster: str = "alpha") -> Figures:
    """The same of a page; `rolled`: what is rolled up alone."""
    name = f"slurmdbd_{kind}_usage_{'rolled_up_' if rolled else ''}tres_seconds"
    figures: Figures = {}
    for labels, value in page.matching(name, cluster=cluster):
        assert value == int(value)
        if value:
            figures[(*(labels[label] for label in ORDER[kind]), labels["tres"], labels["period"])] = int(value)
    return figures


def differences(here: Figures, there: Figures) -> list[str]:
    return [f"{key}: {here.get(key, 0)} instead of {there.get(key, 0)}" for key in sorted(here.keys() | there.keys()) if here.get(key, 0) != there.get(key, 0)]
