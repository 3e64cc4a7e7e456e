"""Usage by period on a real slurmdbd, in three time zones, judged by sreport.

    python3 -m tests.e2e.test_usage            # 0 well, 1 something differs, 77 it cannot be run here

A year and more of made-up jobs, reservations, suspensions and node events is written into the tables of two clusters, and
slurmdbd itself rolls it up. Then every figure that sreport prints of accounts, users and wckeys, for each TRES and for the day,
month, quarter and year to date and the last complete ones, has to be the exporter's.
"""

from __future__ import annotations

import contextlib
import pathlib
import random
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.e2e import servers
from tests.e2e.comparison import Comparison
from tests.integration.usage_judge import windows
from tests.support.accounting import SlurmdbdWriter
from tests.support.accounts import Association
from tests.support.mariadb import PrivateMariaDB
from tests.support.random_jobs import run_jobs
from tests.support.session import ManualClock
from tests.support.slurm import PrivateSlurm, wait_until
from tests.support.values import ReservationFlag

ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
CLUSTERS = ("alpha", "beta")
CAPACITY = {"cpu": 640, "mem": 2_560_000, "node": 10, "billing": 640}
HOUR, DAY = 3600, 86_400
JOBS, RECENT_JOBS = 600, 300
LEAST = 40  # figures of a report
# Account, parent.
ACCOUNTS = (
    ("science", "root"), ("physics", "science"), ("astro", "physics"), ("astro_x", "astro"), ("geo", "science"),
    ("teaching", "root"), ("closed", "root"), ("moving", "teaching"),
)  # fmt: skip
# User, account, partition.
USERS = (
    ("games", "astro", ""), ("games", "geo", ""), ("mail", "astro_x", ""), ("daemon", "teaching", ""), ("bin", "geo", ""),
    ("news", "physics", ""), ("lp", "closed", ""), ("man", "moving", ""), ("games", "astro", "gpu"),
)  # fmt: skip
WCKEYS = ("paper", "thesis")
Figures = dict[tuple[str, ...], int]  # (cluster, names…, tres) -> TRES-seconds in Slurm's units

# Report of sreport -> (its columns between cluster and TRES, family, labels in that order); several rows may be one figure.
REPORTS = {
    "cluster AccountUtilizationByUser": (("Account", "Login"), "account", ("account",)),
    "cluster AccountUtilizationByUser, users": (("Account", "Login"), "user", ("account", "user")),
    "cluster UserUtilizationByAccount": (("Login", "Account"), "user", ("user", "account")),
    "user TopUsage": (("Login",), "user", ("user",)),
    "cluster WCKeyUtilizationByUser": (("WCKey", "Login"), "wckey", ("wckey", "user")),
    "cluster UserUtilizationByWckey": (("Login", "WCKey"), "wckey", ("user", "wckey")),
}


class Site:
    """A slurmdbd in a zone, with a history of its own."""

    def __init__(self, slurm: PrivateSlurm, database: PrivateMariaDB, zone: str, folder: pathlib.Path, days: int = 0) -> None:
        """Of so many days, or enough for a last year, both clock changes of this one included."""
        self.slurm, self.database, self.zone = slurm, database, ZoneInfo(zone)
        self.now = int(time.time()) // HOUR * HOUR
        if self.zone.utcoffset(datetime.now()).seconds % HOUR:  # type: ignore[union-attr]
            self.now -= HOUR // 2
        today = datetime.fromtimestamp(self.now, self.zone).replace(hour=0, minute=0, second=0)
        first = today - timedelta(days=days) if days else today.replace(year=today.year - 1, month=10, day=10)
        self.start = int(first.timestamp())
        self.exporter = servers.Exporter(
            folder, 0,
            servers.database_flags(database, folder) | {"timezone": zone, "counter.epoch": servers.rfc3339(self.now), "log.level": "warn"},
        )
        self.writers: dict[str, SlurmdbdWriter] = {}

    def add_associations(self) -> None:
        for account, parent in ACCOUNTS:
            self.slurm.sacctmgr("add", "account", account, f"parent={parent}", "organization=org")
        for user, account, partition in USERS:
            where = [f"partition={partition}"] if partition else []
            self.slurm.sacctmgr("add", "user", user, f"account={account}", *where)
        for user in {user for user, _, _ in USERS}:
            self.slurm.sacctmgr("add", "user", user, f"wckey={','.join(WCKEYS)}")

    def write(self) -> None:
        """The history, and at its end changes of the tree that move it about."""
        chance = random.Random(str(self.zone))
        for name in CLUSTERS:
            writer = SlurmdbdWriter(self.database.connect(), "22.05", name, ManualClock(self.start))
            self.writers[name] = writer
            writer.add_tres("gres/gpu")
            # slurmctld would have said so; its TRES are those of the whole cluster.
            writer.register_cluster(CAPACITY, at=self.start)
            if not writer.select("select 1 from qos_table where name = 'high'"):
                writer.add_qos("high")
            keys = {(row["user"], row["wckey_name"]): row["id_wckey"] for row in writer.select(f"select * from {writer.table('%_wckey_table')}")}
            charged: list[tuple[Association, int]] = []
            for user, account, partition in USERS:
                association = writer.association(account, user, partition)
                charged += [(association, keys.get((user, wckey), 0)) for wckey in WCKEYS]
            run_jobs(writer, charged, chance, self.start, self.now, JOBS)
            run_jobs(writer, charged, chance, self.now - 4 * DAY, self.now, RECENT_JOBS)
            for change in self._clock_changes():
                run_jobs(writer, charged, chance, change - 10 * HOUR, change + 10 * HOUR, 15)
            for job in writer.open_jobs():
                if job.account == "closed":  # its user is going to be deleted
                    writer.end(job, at=self.now - 60)
            writer.clock.now = self.start  # type: ignore[attr-defined]
            owners = [association for association, _ in charged[:6]]
            for number in range(8):
                begin = self.start + 30 * DAY + number * 35 * DAY + 1234
                if begin + 6 * DAY > self.now:
                    break
                flags = int(ReservationFlag.MAINT) if number == 3 else 0
                writer.add_reservation(f"resv{number}", begin, begin + 26 * HOUR, {"cpu": 16, "mem": 1000, "node": 1}, owners[: number % 3 + 1], flags=flags)
                writer.node_down(f"n{number}", {"cpu": 64, "mem": 256_000, "node": 1, "billing": 64}, at=begin + 5 * DAY)
                writer.node_up(f"n{number}", at=begin + 5 * DAY + 7200)

    def _clock_changes(self) -> list[int]:
        changes = []
        for day in range(self.start, self.now - DAY, DAY):
            one, two = (datetime.fromtimestamp(at, self.zone).utcoffset() for at in (day, day + DAY))
            if one != two:
                changes.append(day + DAY // 2)
        return changes

    def change_tree(self) -> None:
        self.slurm.sacctmgr("delete", "user", "lp", "account=closed")
        self.slurm.sacctmgr("modify", "account", "moving", "set", "parent=physics")

    def roll_up(self, end: int | None = None) -> None:
        """By slurmdbd; until `end` or now."""
        words = [self.local(self.start - DAY)] + ([self.local(end)] if end else [])
        self.slurm.sacctmgr("rollup", *words, seconds=900)  # half a minute on an idle machine
        last = (end or self.now) - HOUR
        writer = self.writers[CLUSTERS[-1]]

        def done() -> bool:
            for name in CLUSTERS:
                rows = writer.select(f"select max(time_start) as n from {name}_usage_hour_table")
                if (rows[0]["n"] or 0) < last:
                    return False
            return True

        wait_until(done, "the roll-up", 900, 0.5)
        for name in CLUSTERS if end else ():
            local = datetime.fromtimestamp(end or 0, self.zone)
            day = int(local.replace(hour=0, minute=0, second=0).timestamp())
            month = int(local.replace(day=1, hour=0, minute=0, second=0).timestamp())
            writer.execute(f"update {name}_last_ran_table set hourly_rollup = %s, daily_rollup = %s, monthly_rollup = %s", (end, day, month))

    def local(self, instant: int) -> str:
        return datetime.fromtimestamp(instant, self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def sreport(self, report: str, start: int, end: int) -> Figures:
        columns, family, _ = REPORTS[report]
        words = [*report.split(",")[0].split(), f"start={self.local(start)}", f"end={self.local(end)}", f"clusters={','.join(CLUSTERS)}"]
        if report == "user TopUsage":
            words += ["TopCount=1000", "Group"]
        layout = ",".join(("Cluster", *columns, "TresName", "Used"))
        figures: Figures = defaultdict(int)
        for row in self.slurm.sreport("-t", "Seconds", "-T", "ALL", *words, f"format={layout}"):
            named = dict(zip(("Cluster", *columns, "TresName", "Used"), row, strict=True))
            login = named.get("Login", "")
            if family == "account":
                if login:
                    continue  # a user's share of the account
                names: tuple[str, ...] = (named["Account"],)
            elif not login:
                continue
            else:
                names = tuple(named[column] for column in columns)
                if family == "wckey" and not all(names):
                    continue
            figures[(named["Cluster"], *names, named["TresName"])] += int(named["Used"])
        return {key: value for key, value in figures.items() if value}

    def page(self) -> dict[tuple[str, str], list[tuple[dict[str, str], int]]]:
        """(family, "rolled_up" or "total") -> labels and TRES-seconds in Slurm's units."""
        found: dict[tuple[str, str], list[tuple[dict[str, str], int]]] = {}
        page = self.exporter.once(self.now)
        for kind in ("account", "user", "wckey"):
            for part, name in (("total", "usage"), ("rolled_up", "usage_rolled_up")):
                samples = page.samples[f"slurmdbd_{kind}_{name}_tres_seconds"]
                found[kind, part] = [(labels, servers.in_slurms_units(labels, value)) for labels, value in samples]
        return found


def of_page(samples: list[tuple[dict[str, str], int]], period: str, labels: tuple[str, ...]) -> Figures:
    figures: Figures = defaultdict(int)
    for have, value in samples:
        if have["period"] == period and value:
            figures[(have["cluster"], *(have[label] for label in labels), have["tres"])] += value
    return dict(figures)


def run_zone(zone: str, comparison: Comparison) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-usage-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(
            PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=CLUSTERS, tz=zone, accounts=(), qos={}, controllers=False)
        )
        site = Site(slurm, database, zone, folder)
        site.add_associations()
        site.write()
        slurm.restart_slurmdbd()  # it keeps TRES in memory
        site.change_tree()
        early_end = site.now - 5 * HOUR
        site.roll_up(early_end)
        early = site.page()
        site.roll_up()
        late = site.page()
        for period, (start, end) in windows(site.zone, site.now).items():
            if start >= end:
                continue
            for report, (_, kind, labels) in REPORTS.items():
                comparison.compare(f"{zone}: {report}", site.sreport(report, start, end), of_page(late[kind, "rolled_up"], period, labels), LEAST, period)
            for kind, labels in (("account", ("account",)), ("user", ("account", "user")), ("wckey", ("wckey", "user"))):
                before, after = ({k: v for k, v in of_page(samples, period, labels).items() if k[-1] != "energy"} for samples in (early[kind, "total"], late[kind, "rolled_up"]))
                comparison.compare(f"{zone}: {kind}: total before = rolled up after", after, before, LEAST, period)


def main() -> int:
    if reason := servers.unavailable():
        print(f"skipped: {reason}")
        return 77
    comparison, began = Comparison(), time.monotonic()
    for zone in sys.argv[1:] or ZONES:
        run_zone(zone, comparison)
        print(f"{time.monotonic() - began:6.1f} s  {zone}", file=sys.stderr, flush=True)
    return comparison.report()


if __name__ == "__main__":
    sys.exit(main())
