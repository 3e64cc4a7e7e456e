"""What a year of jobs takes: reports and a backfill of it, against Slurm's own commands on the same database, rolled up by a real slurmdbd."""

from __future__ import annotations

import csv
import json
import os
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.cold_start import COLUMNS
from tests.bench.database import CLUSTER, JOBS, ClusterDatabase
from tests.bench.processes import ProgramError, Run, memory_of, run_watched
from tests.bench.report import Figure, Row, as_times, as_times_less, at_most
from tests.support.accounting import ManualClock, SlurmdbdWriter
from tests.support.mariadb import EXPORTER, PrivateMariaDB
from tests.support.slurm import PrivateSlurm, wait_until

RELEASE = "22.05"  # of Debian's slurmdbd
CAPACITY = {"cpu": 20_000, "mem": 80_000_000, "node": 400, "billing": 20_000, "gres/gpu": 400}
HOUR, DAY = 3600, 86_400
LONGEST = 3 * HOUR  # no job is there for longer, waiting included
ROLLED_UP_AT_ONCE = DAY
PATIENCE = 1800
LIMIT = 8 * 2**30  # for slurmdbd and for sacct: how much of a machine we let them have
WANTED = at_most(300)  # MB

SUMMED_UP = ("Partition", "ElapsedRaw", "AllocTRES")
LISTED = ("JobID", "User", "Account", "Partition", "QOS", "State", "Submit", "Start", "End", "ElapsedRaw", "AllocTRES")
COLLECTORS = ("cluster", "consumption", "jobs", "outcomes", "usage", "users")  # those made from job rows and roll-ups


class YearDatabase(ClusterDatabase):
    """Twelve whole months with so many jobs, the last of which are still running at their end."""

    def __init__(self, server: PrivateMariaDB, name: str, jobs: int) -> None:
        super().__init__(server, name, RELEASE)
        self.jobs = jobs
        day = datetime.now(UTC) - timedelta(days=2)
        last = day.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        self.months = [int(_months_before(last, 12 - i).timestamp()) for i in range(13)]
        self.start, self.end = self.months[0], self.months[-1]
        now = int(time.time())
        self.rolled_up(now - now % HOUR)  # so that slurmdbd leaves the past to us
        SlurmdbdWriter(server.connect(database=name), RELEASE, CLUSTER, ManualClock(self.start)).register_cluster(CAPACITY, at=self.start)

    def fill(self, slurm: PrivateSlurm) -> None:
        """Day by day, and slurmdbd rolls each up: of a table that goes on it would look at all later jobs for each hour."""
        seconds = self.end + LONGEST - self.start
        done, rolled_up = 0, self.start
        while rolled_up < self.end:
            until = min(rolled_up + ROLLED_UP_AT_ONCE, self.end)
            upto = (until + LONGEST - self.start) * self.jobs // seconds
            self.insert_jobs(f"seq_{done + 1}_to_{upto}", end=f"{self.start} + seq * {seconds} div {self.jobs}", now=until)
            slurm.sacctmgr("rollup", local(rolled_up), local(until), seconds=PATIENCE)
            wait_until(lambda: self._last_hour() >= until - HOUR, "the roll-up", PATIENCE)
            done, rolled_up = upto, until
        self.execute(f"analyze table {JOBS}")

    def _last_hour(self) -> int:
        return int(self.select(f"select max(time_start) from {CLUSTER}_usage_hour_table")[0][0] or 0)


def _months_before(first: datetime, months: int) -> datetime:
    number = first.year * 12 + first.month - 1 - months
    return first.replace(year=number // 12, month=number % 12 + 1)


def local(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Slurmdbd(PrivateSlurm):
    """Only slurmdbd, over a database that has its cluster and its users: it is what answers sacct and sreport."""

    def __init__(self, database: ClusterDatabase) -> None:
        server = database.server
        super().__init__(
            server.port, password=server.passwords["slurm"], database_name=database.name, clusters=(CLUSTER,), accounts=(), qos={}, controllers=False
        )

    def _add_associations(self) -> None:
        pass

    @property
    def pid(self) -> int:
        assert self._slurmdbd.process is not None
        return self._slurmdbd.process.pid

    def said(self) -> str:
        """The end of what slurmdbd has said."""
        texts = (file.read_text(errors="replace") for file in (self.folder / "slurmdbd.log", self._slurmdbd.log) if file.exists())
        return "\n".join(text[-500:] for text in texts)


@dataclass(frozen=True)
class Asked:
    """What one of Slurm's commands took, and the most that slurmdbd had meanwhile."""

    run: Run
    slurmdbd: int


class Bench:
    """Runs the exporter and its alternatives on one database, and keeps the table of what they took."""

    def __init__(self, exporter: Path, database: YearDatabase, slurm: Slurmdbd, folder: Path, runs: int) -> None:
        self.exporter, self.database, self.slurm, self.folder, self.runs = exporter, database, slurm, folder, runs
        self.rows: list[Row] = []
        self.details: dict[str, Any] = {}
        server = database.server
        self._reach = [
            f"--database.socket={server.socket}", f"--database.name={database.name}", f"--database.user={EXPORTER}", "--timezone=UTC", "--log.level=warn",
        ]  # fmt: skip
        self._secret = os.environ | {"SLURMDBD_EXPORTER_DATABASE_PASSWORD": server.passwords[EXPORTER], "MYSQL_PWD": server.passwords[EXPORTER]}

    def ours(self, *words: object, into: str | None = None) -> Run:
        return run_watched([self.exporter, *words, *self._reach], self._secret, self._file(into))

    def theirs(self, *words: object, into: str | None = None) -> Asked:
        """Of a slurmdbd that has just been started, so that its memory is for this command."""
        self.slurm.restart_slurmdbd()
        resource.prlimit(self.slurm.pid, resource.RLIMIT_AS, (LIMIT, LIMIT))
        resource.prlimit(self.slurm.pid, resource.RLIMIT_CORE, (0, 0))  # at the limit it aborts
        run = run_watched(words, self.slurm.environment, self._file(into), LIMIT)
        memory = memory_of(self.slurm.pid)
        if memory is None:
            raise ProgramError(f"slurmdbd ended: {self.slurm.said()}")
        return Asked(run, memory)

    def client(self, sql: str) -> Run:
        server = self.database.server
        command = ["mariadb", "--no-defaults", "--quick", "--skip-column-names", f"--socket={server.socket}", f"--user={EXPORTER}"]
        return run_watched([*command, f"--execute={sql}", self.database.name], self._secret)

    def path(self, name: str) -> Path:
        return self.folder / name

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def memory(self, what: str, ours: Sequence[Run], *others: tuple[str, int]) -> None:
        """A row for each of those who do this work besides us."""
        most = Figure.of([max(run.memory for run in ours)], "B")
        for i, (name, theirs) in enumerate(others or (("", 0),)):
            other = Figure.of([theirs], "B") if name else None
            self.add(Row(f"{what}: memory", most, name, other, None, WANTED if i == 0 else None))

    def _file(self, name: str | None) -> Path | None:
        return self.path(name) if name else None


def measure(exporter: Path, database: YearDatabase, slurm: Slurmdbd, folder: Path, runs: int) -> tuple[list[Row], dict[str, Any]]:
    bench = Bench(exporter, database, slurm, folder, runs)
    for part in (rolled_up, summed_up, listed, backfilled):
        part(bench)
    return bench.rows, bench.details


def rolled_up(bench: Bench) -> None:
    """Usage of the year by account and user."""
    start, end = bench.database.start, bench.database.end
    columns = ("Account", "Login", "TresName", "Used")
    report = ("usage", f"--from={start}", f"--to={end}", "--by=account,user", "--source=rollups", "--format=json")
    question = (
        "sreport", "-n", "-P", "-t", "Seconds", "-T", "ALL", "cluster", "AccountUtilizationByUser",
        f"start={local(start)}", f"end={local(end)}", f"format={','.join(columns)}",
    )  # fmt: skip
    ours = [bench.ours("report", *report, into="usage.json") for _ in range(bench.runs)]
    theirs = [bench.theirs(*question, into="usage.txt") for _ in range(bench.runs)]
    judge = {}
    for line in bench.path("usage.txt").read_text().splitlines():
        account, login, tres, used = line.split("|")
        if login and int(used):
            judge[(account, login, tres)] = int(used)
    told = json.loads(bench.path("usage.json").read_text())
    names = [column["name"] for column in told["columns"]]
    figures = {(line[0], line[1], name): value for line in told["lines"] for name, value in zip(names[2:], line[2:], strict=True) if value}
    agree("usage of the year", figures, judge)
    what = f"report usage by account and user of a year of {bench.database.jobs:,} jobs, roll-ups"
    asked = "`sreport` AccountUtilizationByUser"
    bench.add(as_times_less(f"{what}: time", seconds(ours), asked, seconds([one.run for one in theirs])))
    bench.memory(what, ours, (asked, max(one.run.memory for one in theirs)), ("slurmdbd for it", max(one.slurmdbd for one in theirs)))
    bench.details["rolled up"] = {"figures": len(figures), "cpu seconds": sum(value for key, value in figures.items() if key[2] == "cpu")}


def summed_up(bench: Bench) -> None:
    """Usage by partition and month, which is not rolled up: Slurm's own way is to add up what sacct lists."""
    database = bench.database
    report = ("usage", f"--from={database.start}", f"--to={database.end}", "--by=partition,month", "--source=jobs", "--format=json")
    ours = [bench.ours("report", *report, into="partitions.json")]
    told = json.loads(bench.path("partitions.json").read_text())
    cpu = [column["name"] for column in told["columns"]].index("cpu")
    what = f"report usage by partition and month of a year of {database.jobs:,} jobs"
    months, asked = largest(bench, SUMMED_UP, "--truncate")
    judge: Counter[str] = Counter()
    for partition, elapsed, tres in lines(bench.path("sacct.txt"), SUMMED_UP):
        judge[partition] += int(elapsed) * int(dict(part.split("=") for part in tres.split(",")).get("cpu", 0)) if tres else 0
    of_these = {datetime.fromtimestamp(start, UTC).strftime("%Y-%m") for start in database.months[:-1][:months]}
    figures: Counter[str] = Counter()
    for line in told["lines"]:
        if line[1] in of_these:
            figures[line[0]] += line[cpu]
    agree(f"CPU seconds by partition of {months} months", dict(figures), dict(judge))
    against = f"`sacct`, {period(months)} of it"
    bench.add(as_times_less(f"{what}: time", seconds(ours), against, seconds([asked.run])) if months == 12 else Row(f"{what}: time", seconds(ours), against, seconds([asked.run])))
    bench.memory(what, ours, (against, asked.run.memory), ("slurmdbd for it", asked.slurmdbd))


def largest(bench: Bench, fields: Sequence[str], *more: str) -> tuple[int, Asked]:
    """Of how many months from the first on sacct can tell, within the limits, and what that took; its lines are in sacct.txt."""
    found: tuple[int, Asked] | None = None
    refused = bench.details.setdefault("sacct", {})
    for months in (1, 3, 6, 12):
        end = bench.database.months[months]
        began = time.perf_counter()
        try:
            asked = sacct(bench, fields, bench.database.start, end, *more, into="sacct.part")
        except ProgramError as error:
            refused[f"{period(months)}, {len(fields)} fields"] = {"seconds": time.perf_counter() - began, "said": str(error)[-600:]}
            break
        refused[f"{period(months)}, {len(fields)} fields"] = {"seconds": asked.run.seconds, "memory": asked.run.memory, "slurmdbd": asked.slurmdbd}
        bench.path("sacct.part").rename(bench.path("sacct.txt"))
        found = months, asked
    if found is None:
        raise ProgramError(f"sacct cannot tell of a month: {refused}")
    return found


def sacct(bench: Bench, fields: Sequence[str], start: int, end: int, *more: str, into: str) -> Asked:
    words = ("-D", "-X", "-P", "-n", "-a", "-L", "-S", local(start), "-E", local(end), "-o", ",".join(fields))
    asked = bench.theirs("sacct", *words, *more, into=into)
    with bench.path(into).open("rb") as file:
        count = sum(1 for _ in file)
    if count < 0.9 * bench.database.jobs * (end - start) / (bench.database.end - bench.database.start):
        raise ProgramError(f"sacct listed {count} jobs and said nothing")
    return asked


def listed(bench: Bench) -> None:
    """Jobs one by one, of a month in the middle and of the year."""
    database = bench.database
    start, end = database.months[6:8]
    words = ("report", "jobs", f"--fields={','.join(LISTED)}", "--format=csv")
    ours = [bench.ours(*words, f"--from={start}", f"--to={end}", into="jobs.csv")]
    asked = sacct(bench, LISTED, start, end, into="jobs.txt")
    elapsed = LISTED.index("ElapsedRaw")
    judge = [int(line[elapsed]) for line in lines(bench.path("jobs.txt"), LISTED)]
    with bench.path("jobs.csv").open(encoding="utf-8", newline="") as file:
        rows = (line for line in csv.reader(file) if not line[0].startswith("#"))
        if tuple(next(rows)) != LISTED:
            raise ValueError("the report has other columns")
        figures = [int(line[elapsed]) for line in rows]
    agree("jobs and elapsed seconds of a month", {"jobs": len(figures), "elapsed": sum(figures)}, {"jobs": len(judge), "elapsed": sum(judge)})
    what = f"report jobs of a month, {len(figures):,} jobs"
    bench.add(as_times_less(f"{what}: time", seconds(ours), "`sacct`, the same fields", seconds([asked.run])))
    bench.memory(what, ours, ("`sacct`, the same fields", asked.run.memory), ("slurmdbd for it", asked.slurmdbd))
    year = [bench.ours(*words, f"--from={database.start}", f"--to={database.end}", into="jobs.csv")]
    with bench.path("jobs.csv").open("rb") as file:
        count = sum(not line.startswith(b"#") for line in file) - 1
    if not 0.99 * database.jobs < count <= database.jobs:
        raise ValueError(f"{count} lines of {database.jobs} jobs")
    what = f"report jobs of a year, {count:,} jobs"
    bench.add(Row(f"{what}: time", seconds(year)))
    bench.memory(what, year)


def backfilled(bench: Bench) -> None:
    """The year with a moment a day, and a month with a moment an hour."""
    database = bench.database
    switches = ["--collector.disable-defaults", *(f"--collector.{name}" for name in COLLECTORS)]
    table = f"SELECT {COLUMNS} FROM {JOBS}"
    start, end = database.months[6:8]
    parts = (
        ("a year, a moment a day", database.start, database.end, ("--step=1d", "--window=month"), table),
        ("a month, a moment an hour", start, end, ("--step=1h",), f"{table} WHERE time_end >= {start} AND time_end < {end}"),
    )
    for what, begin, until, words, sql in parts:
        folder = bench.path(f"backfill{words[0]}")
        ours = [bench.ours("backfill", f"--from={begin}", f"--to={until - 1}", f"--output={folder}", *words, *switches)]
        files = sorted(folder.glob("*.om"))
        size = sum(file.stat().st_size for file in files)
        if not size:
            raise ValueError(f"the backfill of {what} wrote nothing")
        theirs = [bench.client(sql)]
        what = f"backfill of {what}, {database.jobs:,} jobs in the year"
        bench.add(as_times(f"{what}: time", seconds(ours), "`mariadb --quick`, these rows", seconds(theirs)))
        bench.memory(what, ours, ("`mariadb --quick`, these rows", theirs[0].memory))
        bench.details[what] = {"files": len(files), "bytes": size}
        for file in files:
            file.unlink()


def lines(path: Path, fields: Sequence[str]) -> Iterator[list[str]]:
    """What sacct has printed."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            line = text.rstrip("\n").split("|")
            if len(line) != len(fields):
                raise ValueError(f"{path.name}: {len(line)} fields instead of {len(fields)}")
            yield line


def agree(what: str, ours: dict, judge: dict) -> None:
    differ = [(key, ours.get(key), judge.get(key)) for key in ours.keys() | judge.keys() if ours.get(key) != judge.get(key)]
    if differ or not judge:
        raise ValueError(f"{what}: {len(differ)} of {len(judge)} figures differ, {differ[:5]}")


def period(months: int) -> str:
    return {1: "a month", 12: "all"}.get(months, f"{months} months")


def seconds(runs: Sequence[Run]) -> Figure:
    return Figure.of((run.seconds for run in runs), "s")
