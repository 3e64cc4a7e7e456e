"""`slurmdbd_exporter report` on a real slurmdbd, judged by sreport and sacct.

    python3 -m tests.e2e.test_report            # 0 well, 1 something differs, 77 it cannot be run here

First three months of made-up jobs in two clusters, rolled up by slurmdbd: `report usage` has to have every figure of sreport,
for months, weeks, days and odd hours, and `report jobs` every line and field of `sacct -D -X -P`, cut at the period or not, for
one user and for all. Usage from job rows has to be sacct's. Then real jobs of every fate, live and over, against sacct again.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import pathlib
import pwd
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from tests.e2e import scenario, servers
from tests.e2e.comparison import Comparison
from tests.e2e.test_usage import CLUSTERS, DAY, HOUR, Site
from tests.support.accounts import uid_of
from tests.support.mariadb import PrivateMariaDB
from tests.support.slurm import PrivateSlurm

ZONE = "America/New_York"
DAYS = 95
LEAST = 20
# Every field of `report jobs` but Planned: this release calls it Reserved, and lets what never started wait until now.
FIELDS = (
    "Account AllocCPUS AllocNodes AllocTRES AssocID Cluster CPUTime CPUTimeRAW DBIndex DerivedExitCode Elapsed ElapsedRaw Eligible "
    "End ExitCode GID JobID JobIDRaw JobName NCPUS NNodes NodeList Partition Priority QOS QOSRAW ReqCPUS ReqTRES Start "
    "State Submit Suspended Timelimit TimelimitRaw UID User WCKey"
).split()  # fmt: skip
MOVING = ("CPUTime", "CPUTimeRAW", "Elapsed", "ElapsedRaw", "Suspended")
# How lines are parted -> sreport's report, its columns for the names, and whether account lines are asked for.
REPORTS = {
    ("cluster", "account", "user"): ("cluster AccountUtilizationByUser", ("Cluster", "Account", "Login")),
    ("cluster", "account"): ("cluster AccountUtilizationByUser", ("Cluster", "Account")),
    ("cluster", "wckey", "user"): ("cluster WCKeyUtilizationByUser", ("Cluster", "WCKey", "Login")),
}
Figures = dict[tuple[str, ...], int]


def by_field(lines: Sequence[tuple[str, ...]], fields: Sequence[str]) -> Figures:
    """(cluster, row, field, value) -> how often."""
    cluster, row = fields.index("Cluster"), fields.index("DBIndex")
    return Counter((line[cluster], line[row], field, value) for line in lines for field, value in zip(fields, line, strict=True))


class Reporter:
    """Runs `slurmdbd_exporter report` on a database."""

    def __init__(self, folder: pathlib.Path, database: PrivateMariaDB, zone: str) -> None:
        flags = servers.database_flags(database, folder) | {"timezone": zone, "log.level": "warn"}
        self.flags = [f"--{name}={value}" for name, value in flags.items()]

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(servers.exporter_binary()), "report", *arguments, *self.flags], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
        if done.returncode != code:
            raise servers.ServerError(f"report {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def json(self, *arguments: str) -> dict:
        return json.loads(self.run(*arguments, "--format=json"))

    def figures(self, *arguments: str) -> Figures:
        """(names…, tres) -> amount."""
        report = self.json(*arguments)
        kinds = [(column["name"], column["kind"]) for column in report["columns"]]
        figures: Figures = {}
        sums: Counter[str] = Counter()
        for line in report["lines"]:
            names = tuple(value for value, (_, kind) in zip(line, kinds, strict=True) if kind == "text")
            for value, (name, kind) in zip(line, kinds, strict=True):
                if kind == "integer" and value:
                    figures[(*names, name)] = value
                    sums[name] += value
        if "--tree" not in arguments:  # there a line is part of another
            totals = {name: value for value, (name, kind) in zip(report["totals"], kinds, strict=True) if kind == "integer"}
            if totals != {name: sums[name] for name in totals}:
                raise servers.ServerError(f"totals are not the sums of lines: {totals}, {dict(sums)}")
        return figures


def sreport(site: Site, by: tuple[str, ...], start: int, end: int) -> Figures:
    report, names = REPORTS[by]
    columns = (*names, "TresName", "Used") if "Login" in names else (*names, "Login", "TresName", "Used")
    words = [*report.split(), f"start={site.local(start)}", f"end={site.local(end)}", f"clusters={','.join(CLUSTERS)}"]
    figures: Figures = defaultdict(int)
    for row in site.slurm.sreport("-t", "Seconds", "-T", "ALL", *words, f"format={','.join(columns)}"):
        named = dict(zip(columns, row, strict=True))
        wanted = bool(named["Login"]) == ("Login" in names)
        if wanted and (by[1] != "wckey" or named["WCKey"]):
            figures[(*(named[name] for name in names), named["TresName"])] += int(named["Used"])
    return {key: value for key, value in figures.items() if value}


def sacct(slurm: PrivateSlurm, *arguments: str, fields: Sequence[str] = FIELDS) -> list[tuple[str, ...]]:
    environment = slurm.environment | {"SLURM_TIME_FORMAT": "standard"}
    everybody = () if "-u" in arguments else ("-a",)
    out = slurm._run(environment, ("sacct", *everybody, "-L", "-n", "-P", "-D", "-X", "-o", ",".join(fields), *arguments), True)
    return [tuple(line.split("|")) for line in out.splitlines()]


def jobs(reporter: Reporter, *arguments: str, fields: Sequence[str] = FIELDS) -> list[tuple[str, ...]]:
    return [tuple(line) for line in reporter.json("jobs", f"--fields={','.join(fields)}", *arguments)["lines"]]


def compare_fields(comparison: Comparison, what: str, judged: Sequence[tuple[str, ...]], ours: Sequence[tuple[str, ...]]) -> None:
    comparison.compare(what, by_field(judged, FIELDS), by_field(ours, FIELDS), LEAST)


def at_rest(lines: Sequence[tuple[str, ...]], cut: Sequence[str]) -> list[tuple[str, ...]]:
    """Without what moves on while it is looked at: how long jobs that still run have run by now."""
    end, moving = FIELDS.index("End"), [FIELDS.index(field) for field in MOVING]
    return [
        tuple("" if i in moving else value for i, value in enumerate(line)) if line[end] == "Unknown" and not cut else line for line in lines
    ]


def tres_seconds(rows: Sequence[tuple[str, ...]], fields: Sequence[str], by: Sequence[str]) -> Figures:
    """ElapsedRaw × AllocTRES of sacct's lines."""
    sums: Figures = defaultdict(int)
    units = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    for row in rows:
        named = dict(zip(fields, row, strict=True))
        for part in filter(None, named["AllocTRES"].split(",")):
            tres, count = part.split("=")
            number = float(count[:-1]) * units[count[-1]] if count[-1] in units else float(count)
            if tres != "energy":
                sums[(*(named[field] for field in by), tres)] += int(number * int(named["ElapsedRaw"]))
    return {key: value for key, value in sums.items() if value}


def windows(site: Site) -> list[tuple[int, int]]:
    """A month, two of them, a week, some odd hours, a change of the clocks if there is one, and the last day."""
    today = datetime.datetime.fromtimestamp(site.now, site.zone).replace(hour=0, minute=0, second=0)
    this_month = today.replace(day=1)
    last_month = (this_month - datetime.timedelta(days=1)).replace(day=1)

    def at(day: datetime.datetime, **after: int) -> int:
        return int((day + datetime.timedelta(**after)).timestamp())

    found = [
        (at(last_month), at(this_month)),
        (at((last_month - datetime.timedelta(days=1)).replace(day=1)), at(this_month)),
        (at(last_month, days=-20), at(today, days=-2)),
        (at(today, days=-37), at(today, days=-30)),
        (at(this_month, days=-1, hours=22), at(this_month, days=1, hours=5)),
        (site.now - 60 * HOUR, site.now - 3 * HOUR),
        (site.now - DAY, site.now),
    ]
    return [(start, end) for start, end in found if site.start <= start < end <= site.now]


def judge_usage(site: Site, reporter: Reporter, comparison: Comparison) -> None:
    for start, end in windows(site):
        period = (f"--from={start}", f"--to={end}")
        for by in REPORTS:
            tree = ("--tree",) if by == ("cluster", "account") else ()
            comparison.compare(f"sreport, by {','.join(by)}", sreport(site, by, start, end), reporter.figures("usage", *period, f"--by={','.join(by)}", *tree), LEAST)
        # Parted by day it is the same in all.
        whole = reporter.figures("usage", *period, "--by=cluster,user")
        parts: Figures = defaultdict(int)
        for key, value in reporter.figures("usage", *period, "--by=cluster,user,day").items():
            parts[(*key[:2], key[3])] += value
        comparison.compare("days against the whole, rolled up", whole, parts, LEAST)


def judge_jobs(site: Site, reporter: Reporter, comparison: Comparison) -> None:
    chance = random.Random(11)
    some = [(start + chance.randrange(-900, 900), end - chance.randrange(900)) for start, end in windows(site)]
    for start, end in some:
        period = (f"--from={start}", f"--to={end}")
        judged_period = ("-S", site.local(start), "-E", site.local(end))
        for cut, ours in (((), ()), (("--truncate",), ("--truncate",))):
            what = f"sacct -D -X{' --truncate' if cut else ''}"
            for who in ((), ("-u", "games", "-A", "astro")):
                judged = sacct(site.slurm, *judged_period, *cut, *who)
                compare_fields(comparison, " ".join((what, *who[::2])), at_rest(judged, cut), at_rest(jobs(reporter, *period, *ours, *who), cut))
        fields = ("Cluster", "Partition", "QOS", "ElapsedRaw", "AllocTRES", "Account")
        judged = sacct(site.slurm, *judged_period, "--truncate", fields=fields)
        for by in (("cluster", "partition"), ("cluster", "qos"), ("cluster", "account")):
            names = [{"qos": "QOS"}.get(name, name.capitalize()) for name in by]
            ours = reporter.figures("usage", *period, f"--by={','.join(by)}", "--source=jobs")
            comparison.compare(f"sacct --truncate, usage by {by[1]}", tres_seconds(judged, fields, names), {k: v for k, v in ours.items() if k[-1] != "energy"}, LEAST)
        whole = reporter.figures("usage", *period, "--by=cluster,partition")
        parts: Figures = defaultdict(int)
        for key, value in reporter.figures("usage", *period, "--by=cluster,partition,day").items():
            parts[(*key[:2], key[3])] += value
        comparison.compare("days against the whole, from job rows", whole, parts, LEAST)


def judge_forms(site: Site, reporter: Reporter, folder: pathlib.Path, comparison: Comparison) -> None:
    """The other forms say the same, and what was written down holds until the database changes."""
    start, end = windows(site)[0]
    period = (f"--from={start}", f"--to={end}", "--by=cluster,account,user")
    whole = reporter.json("usage", *period)
    rows = [line for line in csv.reader(io.StringIO(reporter.run("usage", *period, "--format=csv"))) if not line[0].startswith("#")]
    comparison.compare("csv against json", {tuple(map(str, line)): 1 for line in whole["lines"]}, {tuple(line): 1 for line in rows[1:]}, 10)
    for form in ("table", "markdown", "html"):
        text = reporter.run("usage", *period, f"--format={form}").replace("\u202f", "").replace("\\_", "_")
        missing = [str(value) for line in whole["lines"] for value in line if str(value) not in text]
        comparison.check("other forms against json", not missing, f"{form}: no {missing[:5]}")
    writer = site.writers["alpha"]
    usage = writer.select("select * from alpha_assoc_usage_day_table where id_tres = 1 and alloc_secs > 0 and time_start >= %s limit 1", (start,))[0]
    for form in ("json", "csv"):
        path = folder / f"usage.{form}"
        reporter.run("usage", "--from", str(usage["time_start"]), "--to", str(usage["time_start"] + 20 * HOUR + 5 * DAY), f"--format={form}", f"--output={path}")
        said = reporter.run("verify", str(path))
        comparison.check("report verify", said.startswith("holds"), f"{form}: {said}")
        add = "update alpha_assoc_usage_day_table set alloc_secs = alloc_secs + %s where id = %s and id_tres = 1 and time_start = %s"
        writer.execute(add, (1, usage["id"], usage["time_start"]))
        said = reporter.run("verify", str(path), code=1)
        writer.execute(add, (-1, usage["id"], usage["time_start"]))
        differ = [line for line in said.splitlines() if line[:2] in ("- ", "+ ")]
        totals = [line for line in differ if line[2:].startswith("totals: ")]
        comparison.check("report verify", (len(differ), len(totals)) == (4, 2), f"{form}, one second more: {said}")
    path = folder / "usage.json"
    text = path.read_text()
    path.write_text(text.replace('"alpha"', '"aleph"', 1))
    comparison.check("report verify", "altered" in reporter.run("verify", str(path), code=1), "a changed file was not noticed")


def history(comparison: Comparison) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-report-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(
            PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=CLUSTERS, tz=ZONE, accounts=(), qos={}, controllers=False)
        )
        site = Site(slurm, database, ZONE, folder, DAYS)
        site.add_associations()
        site.write()
        for name, writer in site.writers.items():  # sacct asks this machine for the id of a user
            writer.execute(f"update {name}_job_table set id_user = %s where id_user = %s", (pwd.getpwnam("games").pw_uid, uid_of("games")))
        slurm.restart_slurmdbd()  # it keeps TRES in memory
        site.change_tree()
        site.roll_up(site.now)
        reporter = Reporter(folder, database, ZONE)
        judge_usage(site, reporter, comparison)
        judge_jobs(site, reporter, comparison)
        judge_forms(site, reporter, folder, comparison)


def real(comparison: Comparison) -> None:
    """Jobs of every fate, some of them still running."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-report-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=("alpha", "beta"), tz=ZONE))
        reporter = Reporter(folder, database, ZONE)
        began = int(time.time())
        middle = scenario.play(slurm)
        zone = ZoneInfo(ZONE)

        def local(instant: int) -> str:
            return datetime.datetime.fromtimestamp(instant, zone).strftime("%Y-%m-%dT%H:%M:%S")

        def compare(what: str, start: int, end: int, *cut: str) -> None:
            judged = sacct(slurm, "-S", local(start), "-E", local(end), *cut)
            ours = jobs(reporter, f"--from={start}", f"--to={end}", *cut)
            compare_fields(comparison, what, at_rest(judged, cut), at_rest(ours, cut))

        now = int(time.time())
        compare("sacct, real jobs, some still running", began - 60, now)
        compare("sacct, real jobs, some still running, cut", began + 5, middle, "--truncate")
        scenario.finish(slurm)
        now = int(time.time()) + 1
        compare("sacct, real jobs that are over", began - 60, now)
        compare("sacct, real jobs that are over, cut", began + 5, middle, "--truncate")


def main() -> int:
    if reason := servers.unavailable():
        print(f"skipped: {reason}")
        return 77
    comparison = Comparison()
    for part in (history, real):
        if sys.argv[1:] and part.__name__ not in sys.argv[1:]:
            continue
        began = time.monotonic()
        part(comparison)
        print(f"{time.monotonic() - began:6.1f} s  {part.__name__}", file=sys.stderr, flush=True)
    return comparison.report()


if __name__ == "__main__":
    sys.exit(main())
