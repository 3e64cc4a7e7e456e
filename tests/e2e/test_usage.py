"""Usage by period on a real slurmdbd, in three time zones, judged by sreport.

    python3 -m tests.e2e.test_usage [ZONE...]        # 0 well, 1 something differs, 77 it cannot be run here

Fourteen months of made-up rows (usage_history.py) are written into the tables of two clusters, and slurmdbd itself rolls them
up. Then every figure that sreport prints of accounts, users and wckeys, for each TRES and for the day, month, quarter and year
to date and the last complete ones, has to be the exporter's: now, and as of instants in the past, among them the days after
the clock was changed. Five hours before the end the roll-up stops for a while: what the exporter then reckons from jobs has to
be what is rolled up later. All of it exactly: every number is whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from prometheus_client import parser as text_parser  # noqa: E402

from tests.e2e import servers, usage_history  # noqa: E402
from tests.e2e.usage_history import CLUSTERS, HOUR, History  # noqa: E402
from tests.integration.usage_judge import windows  # noqa: E402
from tests.support import slurm as slurm_support  # noqa: E402
from tests.support.accounting import SlurmdbdWriter  # noqa: E402
from tests.support.mariadb import DATABASE, PASSWORDS, PrivateMariaDB  # noqa: E402
from tests.support.session import ManualClock  # noqa: E402
from tests.support.slurm import PrivateSlurm, wait_until  # noqa: E402

ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
HELD_BACK = 5 * HOUR  # that is rolled up later
MIB = 2**20
SHOWN = 20  # differences that are told about
Figures = dict[tuple[str, ...], int]  # (cluster, names…, tres) -> TRES-seconds in Slurm's units

LABELS = {"account": ("account",), "user": ("account", "user"), "wckey": ("wckey", "user")}


@dataclasses.dataclass(frozen=True)
class Report:
    """columns: of sreport, beside cluster, TRES and amount. labels: what they are called in the exporter's family."""

    words: str
    columns: tuple[str, ...]
    family: str
    labels: tuple[str, ...]
    more: tuple[str, ...] = ()


REPORTS = {
    "AccountUtilizationByUser, accounts": Report("cluster AccountUtilizationByUser", ("Account", "Login"), "account", ("account",)),
    "AccountUtilizationByUser, users": Report("cluster AccountUtilizationByUser", ("Account", "Login"), "user", ("account", "user")),
    "UserUtilizationByAccount": Report("cluster UserUtilizationByAccount", ("Login", "Account"), "user", ("user", "account")),
    "user TopUsage": Report("user TopUsage", ("Login",), "user", ("user",), ("TopCount=1000", "Group")),
    "WCKeyUtilizationByUser": Report("cluster WCKeyUtilizationByUser", ("WCKey", "Login"), "wckey", ("wckey", "user")),
    "UserUtilizationByWckey": Report("cluster UserUtilizationByWckey", ("Login", "WCKey"), "wckey", ("user", "wckey")),
}


class Usage:
    """What the exporter's page has."""

    def __init__(self, page: servers.Page) -> None:
        self._samples: dict[str, list[tuple[Mapping[str, str], int]]] = {}
        for family in text_parser.text_string_to_metric_families(page.text):
            if "_usage_" in family.name and family.name.startswith("slurmdbd_"):
                for sample in family.samples:
                    if sample.value != int(sample.value):
                        raise servers.ServerError(f"{sample} is not whole")
                    self._samples.setdefault(sample.name, []).append((sample.labels, int(sample.value)))

    def figures(self, family: str, part: str, period: str, labels: tuple[str, ...]) -> Figures:
        """part: "rolled_up" or "total". Those of 0 are left out."""
        found: Figures = {}
        name = f"slurmdbd_{family}_usage_{'rolled_up_' if part == 'rolled_up' else ''}tres_seconds"
        for have, value in self._samples.get(name, ()):
            if have["period"] != period or not value:
                continue
            unit = MIB if have["tres"] == "mem" else 1
            if value % unit:
                raise servers.ServerError(f"{name}{have}: {value} is not whole in units of {unit}")
            key = (have["cluster"], *(have[label] for label in labels), have["tres"])
            found[key] = found.get(key, 0) + value // unit
        return found

    def period_starts(self, period: str) -> Figures:
        samples = self._samples.get("slurmdbd_usage_period_start_timestamp_seconds", ())
        return {(have["cluster"],): value for have, value in samples if have["period"] == period}


class Site:
    """A slurmdbd in a zone, with a history of its own that ends at the last full hour."""

    def __init__(self, slurm: PrivateSlurm, database: PrivateMariaDB, zone: str, folder: pathlib.Path) -> None:
        self.slurm, self.database, self.zone_name, self.zone = slurm, database, zone, ZoneInfo(zone)
        self.now = int(datetime.now(self.zone).replace(minute=0, second=0, microsecond=0).timestamp())
        self.start = usage_history.start_of(self.zone, self.now)
        self.early = self.now - HELD_BACK
        self.password = folder / "password"
        self.password.touch(mode=0o600)
        self.password.write_text(PASSWORDS["slurmdbd_exporter"])
        self.folder = folder
        self._connection = database.connect()
        self._connection.autocommit(True)
        self._reported: dict[tuple[str, int, int], list[dict[str, str]]] = {}

    def write(self) -> list[History]:
        """While slurmdbd is stopped: it keeps TRES in memory, and would roll up half of it."""
        histories = []
        for cluster in CLUSTERS:
            writer = SlurmdbdWriter(self.database.connect(), "22.05", cluster, ManualClock(self.start))
            histories.append(History(writer, self.zone, self.start, self.now))
            histories[-1].write()
        self._set_last_ran(self.now)  # or its start would begin to roll up
        return histories

    def _set_last_ran(self, instant: int) -> None:
        local = datetime.fromtimestamp(instant, self.zone).replace(minute=0, second=0)
        marks = [int(moment.timestamp()) for moment in (local, local.replace(hour=0), local.replace(day=1, hour=0))]
        with self._connection.cursor() as cursor:
            for cluster in CLUSTERS:
                cursor.execute(f"delete from `{cluster}_last_ran_table`")
                cursor.execute(f"insert into `{cluster}_last_ran_table` values (%s, %s, %s)", marks)

    def roll_up_early(self) -> None:
        """All but the last hours. Given an end, slurmdbd does not note how far it came, so that is done here."""
        self.slurm.sacctmgr("rollup", self._local(self.start), self._local(self.early), seconds=180)
        wait_until(lambda: self._newest("hour") >= self.early - HOUR, "the roll-up but for the last hours", 60)
        self._set_last_ran(self.early)

    def roll_up_rest(self) -> None:
        """slurmdbd does so when it starts."""
        self.slurm.restart_slurmdbd()

        def done() -> bool:
            with self._connection.cursor() as cursor:
                counts = [cursor.execute(f"select 1 from `{name}_last_ran_table` where hourly_rollup >= %s", (self.now,)) for name in CLUSTERS]
            return min(counts) == 1

        wait_until(done, "the roll-up of the last hours", 60)
        if self._newest("hour") < self.now - HOUR:
            raise servers.ServerError("slurmdbd says that it has rolled up, but there is no last hour")

    def _newest(self, level: str) -> int:
        """The newest roll-up of the cluster that has come less far."""
        with self._connection.cursor() as cursor:
            found = []
            for cluster in CLUSTERS:
                cursor.execute(f"select coalesce(max(time_start), 0) from `{cluster}_usage_{level}_table`")
                found.append(int(cursor.fetchone()[0]))
        return min(found)

    def _local(self, instant: int) -> str:
        return datetime.fromtimestamp(instant, self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def instants(self) -> dict[str, int]:
        """Now, and moments of the past: days after the clock changed, at which the last day had 23 or 25 hours, or, in a zone
        without such, a quarter's first morning."""

        def noon_after(instant: int) -> int:
            day = datetime.fromtimestamp(instant, self.zone) + timedelta(days=1)
            return int(day.replace(hour=12, minute=0, second=0, microsecond=0).timestamp())

        changes = usage_history.clock_changes(self.zone, self.start, self.now - 2 * usage_history.DAY)
        past = {noon_after(change) for change in changes[-2:]}
        if not past:
            quarters = [month for month in usage_history.months_between(self.zone, self.start, self.now - 10 * HOUR)
                        if datetime.fromtimestamp(month, self.zone).month % 3 == 1]  # fmt: skip
            past = {quarters[-1] + 5 * HOUR}
        return {"now": self.now} | {datetime.fromtimestamp(at, self.zone).strftime("%d %b %Y"): at for at in sorted(past)}

    def usage(self, as_of: int) -> Usage:
        exporter = servers.Exporter(
            self.folder, 0,
            {
                "database.socket": self.database.socket, "database.name": DATABASE, "database.user": "slurmdbd_exporter",
                "database.password-file": self.password, "timezone": self.zone_name,
                "counter.epoch": servers.rfc3339(as_of), "log.level": "warn",
            },
        )  # fmt: skip
        return Usage(exporter.once(as_of))

    def sreport(self, report: Report, start: int, end: int) -> Figures:
        """Rows of 0 are left out. The same words are asked for once."""
        columns = ("Cluster", *report.columns, "TresName", "Used")
        asked = (report.words, start, end)
        if asked not in self._reported:
            words = [*report.words.split(), f"start={self._local(start)}", f"end={self._local(end)}", f"clusters={','.join(CLUSTERS)}"]
            rows = self.slurm.sreport("-t", "Seconds", "-T", "ALL", *words, *report.more, f"format={','.join(columns)}")
            self._reported[asked] = [dict(zip(columns, row, strict=True)) for row in rows]
        figures: Figures = {}
        for row in self._reported[asked]:
            if bool(row["Login"]) == (report.family == "account") or not int(row["Used"]):
                continue  # the share of a user in the sum of all, or that sum
            names = tuple(row[column] for column in report.columns if report.family != "account" or column != "Login")
            key = (row["Cluster"], *names, row["TresName"])
            if report.family == "account" and key in figures:
                raise servers.ServerError(f"sreport has two sums of {key}")
            # Several of a user in one account: by partition, and, when a wckey was deleted, by wckey.
            figures[key] = figures.get(key, 0) + int(row["Used"])
        return figures


@dataclasses.dataclass
class Line:
    """One line of the table at the end."""

    least: int
    compared: int = 0
    differ: int = 0


class Comparison:
    """Counts how many figures are equal, by zone, report and period, and tells about those that are not."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str, str], Line] = {}
        self.details: list[str] = []

    def compare(self, zone: str, what: str, period: str, judged: Figures, actual: Figures, least: int = 10) -> None:
        """A figure of 0 equals none. `judged` and `actual` have none of 0."""
        line = self.lines.setdefault((zone, what, period), Line(least))
        for key in sorted(judged.keys() | actual.keys()):
            line.compared += 1
            if judged.get(key, 0) != actual.get(key, 0):
                line.differ += 1
                self.details.append(f"{zone}, {what}, {period}, {'/'.join(key)}: judge {judged.get(key, 0)}, exporter {actual.get(key, 0)}")

    def table(self) -> str:
        lines = [f"{'zone':<17}  {'judged by':<41}  {'period':<12}  compared  differ", "-" * 90]
        lines += [
            f"{zone:<17}  {what:<41}  {period:<12}  {line.compared:>8}  {line.differ:>6}" for (zone, what, period), line in self.lines.items()
        ]
        compared, differ = sum(line.compared for line in self.lines.values()), sum(line.differ for line in self.lines.values())
        return "\n".join([*lines, "-" * 90, f"{'all':<74}  {compared:>8}  {differ:>6}"])

    def failures(self) -> list[str]:
        found = [f"{', '.join(key)}: {line.differ} of {line.compared} differ" for key, line in self.lines.items() if line.differ]
        found += [
            f"{', '.join(key)}: only {line.compared} compared, fewer than {line.least}"
            for key, line in self.lines.items()
            if line.compared < line.least
        ]
        return found if self.lines else ["nothing was compared"]


def without_energy(figures: Figures) -> Figures:
    """A roll-up adds a job's joules once more in each hour that it does again: they are not what jobs tell."""
    return {key: value for key, value in figures.items() if key[-1] != "energy"}


def against_sreport(site: Site, comparison: Comparison, name: str, as_of: int, usage: Usage) -> None:
    for period, (start, end) in windows(site.zone, as_of).items():
        comparison.compare(site.zone_name, f"period start ({name})", period, dict.fromkeys(((one,) for one in CLUSTERS), start), usage.period_starts(period), 2)
        for title, report in REPORTS.items():
            if start >= end or end - start < HOUR:
                continue  # the first hour of a day
            if name != "now" and title not in ("AccountUtilizationByUser, accounts", "AccountUtilizationByUser, users", "WCKeyUtilizationByUser"):
                continue
            judged = site.sreport(report, start, end)
            comparison.compare(site.zone_name, f"{title} ({name})", period, judged, usage.figures(report.family, "rolled_up", period, report.labels))


def run_zone(zone: str, comparison: Comparison) -> None:
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {zone}: {what}", file=sys.stderr, flush=True)

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-usage-")))
        database = stack.enter_context(PrivateMariaDB())
        password = database.passwords["slurm"]
        slurm = stack.enter_context(
            PrivateSlurm(database.port, password=password, clusters=CLUSTERS, tz=zone, accounts=(), qos={}, controllers=False)
        )
        site = Site(slurm, database, zone, folder)
        usage_history.add_associations(slurm)
        say("database and slurmdbd are up")
        slurm.stop_slurmdbd()
        histories = site.write()
        slurm.start_slurmdbd()
        usage_history.change_tree(slurm)
        say(f"{usage_history.totals_of(histories)} are written")
        site.roll_up_early()
        early = site.usage(site.now)
        say("all but the last hours is rolled up")
        site.roll_up_rest()
        say("all is rolled up")
        late = site.usage(site.now)
        for family, labels in LABELS.items():
            for period in windows(site.zone, site.now):
                rolled, total = (late.figures(family, part, period, labels) for part in ("rolled_up", "total"))
                comparison.compare(zone, f"{family}: total = rolled up, when all is", period, rolled, total)
                before = without_energy(early.figures(family, "total", period, labels))
                comparison.compare(zone, f"{family}: total before = rolled up after", period, without_energy(rolled), before)
        # Or the hours in between would be empty, and nothing be said by that.
        grown = early.figures("account", "rolled_up", "year", ("account",)) != late.figures("account", "rolled_up", "year", ("account",))
        comparison.compare(zone, "the last roll-up adds something", "year", {("yes",): 1}, {("yes",): int(grown)}, 1)
        for name, as_of in site.instants().items():
            against_sreport(site, comparison, name, as_of, late if name == "now" else site.usage(as_of))
        say("sreport is compared")


def unavailable() -> str | None:
    return slurm_support.unavailable() or servers.unavailable()


def main() -> int:
    reason = unavailable()
    if reason:
        print(f"skipped: {reason}")
        return 77
    comparison = Comparison()
    for zone in sys.argv[1:] or ZONES:
        run_zone(zone, comparison)
    for line in comparison.details[:SHOWN]:
        print(line)
    print(comparison.table())
    for line in comparison.failures():
        print(line)
    return 1 if comparison.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
