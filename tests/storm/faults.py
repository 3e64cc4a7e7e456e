"""The database fails in every way that lasts, under an exporter that is scraped all the time and never restarted.

    python3 -m tests.storm.faults           # frozen for 20 s
    python3 -m tests.storm.faults --long    # for two minutes
    python3 -m tests.storm.faults --only frozen --only "column"

What a fault may say at all is in tests/integration/test_faults.py. Here a busy site writes all the while, and every answer counts:
- each is 200, and none waits for the database;
- slurmdbd_up, success, last success, the reasons and what is on the page tell the truth from when the fault is noticed to its end;
- all is well again within the interval and the time-outs, in the same process;
- no counter falls, vanishes without its cluster, or is above an SQL recount; in the end each equals it (see tests/storm/kills.py).

Prints a table. Exit code 77: it cannot be run here.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import pathlib
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import pymysql

from tests.e2e.servers import exporter_binary, rfc3339
from tests.integration.database import connections, execute, query, root
from tests.integration.exporter import COLLECTORS, Exporter, flags_for
from tests.integration.samples import Samples
from tests.integration.scraper import LONGEST_SCRAPE, Scrape, Scraper
from tests.storm import kills
from tests.storm.busy_site import CLUSTERS, Site
from tests.storm.recount import Counts
from tests.support.accounting import JobState, SlurmdbdWriter
from tests.support.mariadb import EXPORTER, PASSWORDS, MariaDBError, PrivateMariaDB

JOBS = 30_000  # of the first cluster, a month of them
DAY = 86_400
EPOCH_DAYS = 10
INTERVAL, CONNECT, QUERY, LOCK_WAIT, SETTLE = 1, 2, 3, 1, 2  # seconds, of the exporter's flags
READ = QUERY + 2  # the client's own limit, for servers that do not answer
STALENESS = 3 * INTERVAL
# A poll that is under way meets each of them at most once; the last second is the poll itself, on a busy machine.
NOTICE = INTERVAL + READ + CONNECT + 2
RECOVERY = INTERVAL + CONNECT + 2
PAUSE = 0.06  # between scrapes
WHO = f"{EXPORTER}@'127.0.0.1'"
ALTERED, OTHER = CLUSTERS  # what happens to tables happens to those of the first cluster
TABLE = f"{ALTERED}_job_table"
COMMITTED = "slurmdbd_jobs_committed_tres_seconds"
MISSING = "slurmdbd_exporter_missing_columns"
CLUSTER_SUCCESS = "slurmdbd_exporter_cluster_success"
STARTED = "process_start_time_seconds"
# A SIGKILL must not take back what was committed, or counters would have to fall.
OPTIONS = ["innodb-flush-log-at-trx-commit=1"]
_STATE = re.compile(
    rf"slurmdbd_up |slurmdbd_scrape_collector_success|slurmdbd_exporter_collector_(last_success|errors)|{CLUSTER_SUCCESS}|{MISSING}|{STARTED}"
    rf"|{COMMITTED}"
)

Holds = Callable[[Samples], bool]
Make = Callable[[], AbstractContextManager[None]]


def state_on(page: str) -> Samples:
    """What a page says of the exporter itself; all of it would take too long to parse so often."""
    return Samples.parse("\n".join(line for line in page.splitlines() if _STATE.match(line)) + "\n")


def healthy(state: Samples) -> bool:
    return (
        state.value("slurmdbd_up") == 1
        and state.value(MISSING) == 0
        and all(state.success(name) == 1 for name in COLLECTORS)
        and all(state.value(CLUSTER_SUCCESS, cluster=name) == 1 for name in CLUSTERS)
    )


def unreachable(state: Samples) -> bool:
    """The database does not answer."""
    return (
        state.value("slurmdbd_up") == 0
        and not any(state.success(name) for name in COLLECTORS)
        and not any(state.value(CLUSTER_SUCCESS, cluster=name) for name in CLUSTERS)
    )


def table_unreadable(state: Samples) -> bool:
    """It does answer, but one cluster's jobs cannot be read."""
    return (
        state.value("slurmdbd_up") == 1
        and not any(state.success(name) for name in COLLECTORS)
        and state.value(CLUSTER_SUCCESS, cluster=ALTERED) == 0
        and state.value(CLUSTER_SUCCESS, cluster=OTHER) == 1
    )


def column_missed(state: Samples) -> bool:
    """Nothing fails, but what needs the column is left out."""
    return (
        state.value("slurmdbd_up") == 1
        and all(state.success(name) == 1 for name in COLLECTORS)
        and state.value(MISSING) == 1
        and not any(True for _ in state.matching(COMMITTED, cluster=ALTERED))
    )


@dataclass(frozen=True)
class Fault:
    """A trouble, what the page has to say as long as it lasts, and why it says so."""

    name: str
    make: Make
    seconds: float
    holds: Holds | None  # None: it is over as soon as it has happened
    needed: frozenset[str]  # reasons that have to be counted
    allowed: frozenset[str] = frozenset()  # and those that may be, besides
    lost: frozenset[str] = frozenset()  # clusters that cannot be read


@dataclass
class Watch:
    """What was seen of one fault. Times are monotonic seconds; those that never came are None."""

    fault: Fault
    scrapes: list[Scrape]
    states: list[Samples]
    before: Samples
    began: float
    there: float  # the fault is made
    noticed: float | None
    ended: float  # it is about to be repaired
    over: float  # it is repaired
    recovered: float | None
    running: bool
    wall: float  # epoch seconds at monotonic 0
    counters: list[Counts] = field(default_factory=list)

    @property
    def told(self) -> Counter[str]:
        """Failures by reason since the state before, of the collector that has the most."""
        most: Counter[str] = Counter()
        for collector in COLLECTORS:
            earlier = self.before.errors(collector)
            for reason, count in self.states[-1].errors(collector).items():
                most[reason] = max(most[reason], int(count - earlier.get(reason, 0)))
        return +most


def problems(watch: Watch) -> list[str]:
    """What is not as it has to be; everything is judged by the scrapes alone."""
    fault, found = watch.fault, list[str]()
    seen = [(scrape, state) for scrape, state in zip(watch.scrapes, watch.states, strict=True) if scrape.status == 200]

    def check(what: str, holds: bool) -> None:
        if not holds:
            found.append(what)

    bad = [scrape for scrape in watch.scrapes if scrape.status != 200]
    check(f"every scrape is answered 200: {len(bad)} are not, such as {bad[0].text[:200] if bad else ''}", not bad)
    worst = max(scrape.seconds for scrape in watch.scrapes)
    check(f"no scrape takes {LONGEST_SCRAPE} s: {worst:.3f} s", worst < LONGEST_SCRAPE)
    starts = {state.value(STARTED) for _, state in seen} | {watch.before.value(STARTED)}
    check(f"it is the same process: {sorted(map(str, starts))}", watch.running and len(starts) == 1)

    if fault.holds is not None:
        check(f"noticed within {NOTICE} s", watch.noticed is not None and watch.noticed - watch.there <= NOTICE)
        since = watch.noticed if watch.noticed is not None else watch.there
        during = [(scrape, state) for scrape, state in seen if scrape.began >= since and scrape.began + scrape.seconds <= watch.ended]
        wrong = [(scrape, state) for scrape, state in during if not fault.holds(state)]
        text = f"{wrong[0][0].began - watch.there:.1f} s after it began: {wrong[0][1].state()}" if wrong else "never seen"
        check(f"the page says so as long as it lasts: {len(wrong)} of {len(during)} do not, {text}", bool(during) and not wrong)
        if fault.lost:
            for collector in COLLECTORS:
                claimed = {state.last_success(collector) for _, state in during}
                check(f"last success of {collector} stands still: {sorted(claimed)}", len(claimed) == 1)
                # A poll that had read everything when it happened may still say so.
                latest = max(claimed, default=0) - watch.wall - watch.there
                check(f"no success of {collector} after the fault began: {latest:.1f} s after it", latest <= 1)
                none = {reason: count for reason, count in errors_since(watch, collector).items() if count}
                check(f"errors of {collector} are counted", bool(none))

    told = watch.told
    check(f"reasons {sorted(fault.needed)} are counted: {dict(told)}", fault.needed <= told.keys())
    check(f"no reasons but {sorted(fault.needed | fault.allowed)}: {dict(told)}", told.keys() <= fault.needed | fault.allowed)
    for (_, one), (_, other) in zip(seen, seen[1:], strict=False):
        for collector in COLLECTORS:
            fell = {reason for reason, count in one.errors(collector).items() if other.errors(collector).get(reason, 0) < count}
            check(f"error counters of {collector} never fall: {fell}", not fell)

    check(f"recovered within {RECOVERY} s", watch.recovered is not None and watch.recovered - watch.over <= RECOVERY)
    if watch.recovered is not None:
        after = [state for scrape, state in seen if scrape.began > watch.recovered]
        ill = [state for state in after if not healthy(state)]
        check(f"healthy from then on: {len(ill)} of {len(after)} are not, {ill[0].state() if ill else 'none seen'}", bool(after) and not ill)
    found += problems_of_clusters(watch)
    return sorted(set(found))


def errors_since(watch: Watch, collector: str) -> dict[str, float]:
    earlier = watch.before.errors(collector)
    return {reason: count - earlier.get(reason, 0) for reason, count in watch.states[-1].errors(collector).items()}


def problems_of_clusters(watch: Watch) -> list[str]:
    """A cluster goes when it is too old and no sooner, one that can be read stays, and all come back."""
    found: list[str] = []
    for scrape, state, counters in zip(watch.scrapes, watch.states, watch.counters, strict=True):
        if scrape.status != 200:
            continue
        here = {key[1] for key in counters}
        for cluster in CLUSTERS:
            age = scrape.began + watch.wall - state.last_success()
            ill = watch.there <= scrape.began <= (watch.recovered or watch.scrapes[-1].began) and cluster in watch.fault.lost
            if cluster not in here and not (ill and age > STALENESS - 1):
                found.append(f"{cluster} is on the page: it is not {scrape.began - watch.there:.1f} s after the fault began, {age:.1f} s old")
            if cluster in here and ill and age > STALENESS + 2 and scrape.began < watch.ended:
                found.append(f"{cluster} goes when it is {STALENESS} s old: it is there {age:.1f} s after the last success")
    return found[:3]


@dataclass(frozen=True)
class Row:
    """What one fault did."""

    watch: Watch
    problems: list[str]

    HEAD = "| fault | s | scrapes | not 200 | median ms | p99 ms | max ms | up during | up after | errors by reason | noticed s | recovered s | same pid |"

    def line(self) -> str:
        watch = self.watch
        times = sorted(scrape.seconds * 1e3 for scrape in watch.scrapes)
        not_200 = sum(scrape.status != 200 for scrape in watch.scrapes)
        until = watch.ended if watch.fault.holds else watch.recovered or watch.ended
        during = [state for scrape, state in zip(watch.scrapes, watch.states, strict=True) if (watch.noticed or watch.there) <= scrape.began <= until]
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(watch.told.items()))
        cells = [
            watch.fault.name, f"{watch.over - watch.began:.0f}", len(times), not_200, f"{times[len(times) // 2]:.1f}",
            f"{times[int(len(times) * 0.99)]:.1f}", f"{times[-1]:.1f}", ups(during), ups(watch.states[-5:]), told or "none",
            seconds_from(watch.there, watch.noticed), seconds_from(watch.over, watch.recovered), "yes" if watch.running else "NO",
        ]  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


def ups(states: Iterable[Samples]) -> str:
    return "/".join(sorted({f"{value:.0f}" for state in states if (value := state.value("slurmdbd_up")) is not None})) or "-"


def seconds_from(begin: float, end: float | None) -> str:
    return "-" if end is None else f"{end - begin:.1f}"


class KeptAlive(Scraper):
    """Over one connection as long as the exporter keeps it open, as Prometheus asks for; counts how many it took."""

    connects = 0

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._exporter.port, timeout=5)
        while not self._ended.is_set():
            reused = connection.sock is not None
            self.connects += not reused
            began = time.monotonic()
            try:
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                status, text = answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                status, text = 0, repr(error)
                connection.close()
                if reused and isinstance(error, http.client.RemoteDisconnected):
                    continue  # it was idle for too long: no answer is missing
            self.scrapes.append(Scrape(began, time.monotonic() - began, status, text))
            self._ended.wait(PAUSE)

    def take(self, keep: int = 0) -> list[Scrape]:
        """What came until now, which is forgotten here but for the last few."""
        count = len(self.scrapes) - keep
        taken = self.scrapes[:count]
        del self.scrapes[:count]
        return taken


class SturdySite(Site):
    """A site that waits for its database as slurmdbd does. While `troubled`, a change that fails is no error."""

    def __init__(self, server: PrivateMariaDB, epoch: int, seed: int, rate: float) -> None:
        super().__init__(server, epoch, seed, rate)
        self.server = server
        self.troubled = False
        self.failed = 0
        self._gate = threading.Lock()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is written meanwhile, and no transaction is open."""
        with self._gate:
            yield

    def reconnect(self) -> None:
        for writer in self.writers:
            fresh = self.server.connect(connect_timeout=5)
            with contextlib.suppress(pymysql.MySQLError):
                writer.connection.close()
            writer.connection, writer._depth = fresh, 0
            writer.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")

    def _run(self) -> None:
        while not self._ending.is_set():
            with self._gate:
                try:
                    self.change()
                except Exception as error:  # a row without a column that is away, too
                    if not self.troubled:
                        self.error = error
                        return
                    self.failed += 1
                    self._ending.wait(0.1)
                    with contextlib.suppress(pymysql.MySQLError, OSError):
                        self.reconnect()
            self._ending.wait(self._random.expovariate(self.rate))


class Judge(kills.Judge):
    """As for kills, but its server comes and goes, and so do clusters that are too old: as a whole."""

    def __init__(self, server: PrivateMariaDB, site: Site) -> None:
        super().__init__(server, site)
        self._connection.close()
        self.server = server
        self._life = 0

    def recount(self) -> Counts:
        self._connection = self.server.connect(EXPORTER)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")
            return super().recount()
        finally:
            self._connection.close()

    def look_at_pages(self, scrapes: Iterable[Scrape], pages: Iterable[Counts], wall: float) -> None:
        """Judges pages in order. What a collector has of a cluster may be away, all of it; then what it was last stands."""
        known = {key: value for key, (value, _) in self.last.items()}
        kept: list[kills.Scrape] = []
        for scrape, counters in zip(scrapes, pages, strict=True):
            here = {group(key) for key in counters}
            known = {key: value for key, value in known.items() if group(key) not in here} | counters
            kept.append(kills.Scrape(scrape.began + wall, self._life, known))
        self._life += 1
        self.look_at(kept)


def group(key: tuple[str, ...]) -> tuple[str, bool]:
    """What goes from the page together: a cluster's counters of one collector."""
    return key[1], key[0] in ("slurmdbd_jobs_started_total", "slurmdbd_jobs_ended_total")


class Trial:
    """An exporter with a database, and the table of what happened to them."""

    def __init__(self, folder: pathlib.Path, server: PrivateMariaDB, spare: PrivateMariaDB, options: argparse.Namespace) -> None:
        self.server, self.spare, self.rows = server, spare, list[Row]()
        self.scrapes, self.connects, self.lives = 0, 0, 0
        epoch = int(time.time()) - EPOCH_DAYS * DAY
        self.site = SturdySite(server, epoch, options.seed, options.rate)
        fill(self.site)
        grant_each_table(server)
        self.judge = Judge(server, self.site)
        self.password = folder / "password"
        self.set_password(PASSWORDS[EXPORTER])
        self.state = folder / "state"
        self.state.mkdir()
        flags = flags_for(
            server, poll__interval=f"{INTERVAL}s", counter__epoch=rfc3339(epoch), counter__settle=f"{SETTLE}s", counter__wide_interval="4s",
            counter__recount_interval="12s", database__connect_timeout=f"{CONNECT}s", database__query_timeout=f"{QUERY}s",
            database__lock_wait_timeout=f"{LOCK_WAIT}s", database__password_file=self.password, state__directory=self.state,
        )  # fmt: skip
        self.exporter = Exporter(folder, flags, {})
        self.scraper: KeptAlive

    def set_password(self, text: str) -> None:
        """As an administrator replaces it: there is no moment without."""
        fresh = self.password.with_suffix(".new")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.chmod(0o600)
        fresh.rename(self.password)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """One life of the exporter, scraped from its first success to its end."""
        self.exporter.start()
        self.exporter.wait_for(lambda page: all(page.success(name) == 1 for name in COLLECTORS), "the first polls", 30)
        self.lives += 1
        with KeptAlive(self.exporter) as self.scraper:
            self.wait(healthy, 10)
            yield
        self.connects += self.scraper.connects
        self.exporter.stop()

    def latest(self, since: float = 0) -> tuple[Scrape, Samples] | None:
        """The newest good answer that was asked for after an instant."""
        for scrape in reversed(self.scraper.scrapes[-3:]):
            if scrape.status == 200 and scrape.began >= since:
                return scrape, state_on(scrape.text)
        return None

    def wait(self, holds: Holds, seconds: float) -> float | None:
        """When the answer of which it holds was asked for; None if there is none in time."""
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            if (found := self.latest(begun)) and holds(found[1]):
                return found[0].began
            time.sleep(PAUSE / 2)
        return None

    def run(self, fault: Fault) -> None:
        print(f"{fault.name} ...", flush=True)
        if self.wait(healthy, 15) is None:
            raise AssertionError(f"not healthy before: {fault.name}\n{self.exporter.tail()}")
        found = self.latest()
        assert found is not None
        before = found[1]
        self.site.troubled = True
        wall = time.time() - time.monotonic()
        began = time.monotonic()
        with fault.make():
            there = time.monotonic()
            noticed = self.wait(fault.holds, NOTICE + 5) if fault.holds else None
            time.sleep(max(0.0, there + fault.seconds - time.monotonic()))
            ended = time.monotonic()
        over = time.monotonic()

        def well(state: Samples) -> bool:
            return healthy(state) and all(state.last_success(name) > over + wall for name in COLLECTORS)

        recovered = self.wait(well, RECOVERY + 15)
        time.sleep(2.2 * INTERVAL)  # what is well now has to stay so
        self.site.troubled = False
        scrapes = self.scraper.take(keep=3)
        states = [state_on(scrape.text if scrape.status == 200 else "") for scrape in scrapes]
        watch = Watch(fault, scrapes, states, before, began, there, noticed, ended, over, recovered, self.exporter.running(), wall)
        watch.counters = [kills.counters_on(scrape.text if scrape.status == 200 else "") for scrape in scrapes]
        self.scrapes += len(scrapes)
        self.judge.look_at_pages(scrapes, watch.counters, wall)
        self.rows.append(Row(watch, problems(watch)))
        self.seen(self.rows[-1])

    def seen(self, row: Row) -> None:
        for problem in row.problems:
            print(f"!! {row.watch.fault.name}: not so: {problem}", flush=True)
        row.watch.scrapes[:] = [Scrape(scrape.began, scrape.seconds, scrape.status, "") for scrape in row.watch.scrapes]
        row.watch.counters.clear()

    def finish(self) -> int:
        """Nothing changes any more: the page has to be what SQL says. How many series were compared."""
        self.site.stop()
        time.sleep(SETTLE + 12 + 2)  # a full recount is among the polls
        scrapes = self.scraper.take()
        self.scrapes += len(scrapes)
        pages = [kills.counters_on(scrape.text if scrape.status == 200 else "") for scrape in scrapes]
        self.judge.look_at_pages(scrapes, pages, time.time() - time.monotonic())
        return self.judge.final(pages[-1], self.held())

    def held(self) -> Counts:
        """What the high-water file says is held back, by series."""
        lines = (self.state / "high-water.jsonl").read_text().splitlines()[1:]
        return {(row[0], *row[4]): int(row[3]) for row in map(json.loads, lines) if row[3]}

    def fail_over(self) -> int:
        """Another life, with two hosts. Nothing is written from when the second server gets what the first one has until that is
        dead: replication would see to it. How many series were compared."""
        with contextlib.ExitStack() as quiet:
            quiet.enter_context(self.site.paused())
            self.server.stop()
            shutil.copytree(self.server.folder / "data", self.spare.folder / "data")
            self.server.start()
            self.spare.start()
            self.site.reconnect()
            self.exporter.flags |= {"database.host": [f"127.0.0.1:{one.port}" for one in (self.server, self.spare)]}
            with self.serving():
                make = lambda: failed_over(self, quiet.close)  # noqa: E731
                self.run(Fault("fail-over", make, 0, None, frozenset({"lost"}), frozenset({"connect"}), frozenset(CLUSTERS)))
                if not connections(self.spare):
                    self.judge.note("mismatches in the end", "nobody is connected to the second server")
                return self.finish()


def fill(site: Site) -> None:
    """A month of ended jobs, and a few hundred changes on top."""
    draw = random.Random(1)
    writer = site.writers[0]
    now = writer.clock() - 3600
    templates = [writer.new_row(one, cpus=4, partition=name, at=now, id_job=1) for one in site.associations[ALTERED] for name in ("cpu", "gpu")]

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(JOBS):
            ended = now - number * 30 * DAY // JOBS
            began = ended - draw.randrange(4 * 3600)
            row = templates[draw.randrange(len(templates))] | {
                "job_db_inx": templates[0]["job_db_inx"] - 1 - number, "id_job": 10**6 + number, "state": int(JobState.COMPLETED),
                "time_submit": began - 60, "time_eligible": began - 60, "time_start": began, "time_end": ended,
                "tres_alloc": templates[0]["tres_req"],
            }  # fmt: skip
            yield tuple(row.values())

    with writer.bundle():
        writer.insert_many("%_job_table", list(templates[0]), rows())
    for one in site.writers:
        one._last_job_id = 2 * 10**6
    for _ in range(200):
        site.change()
    for name in CLUSTERS:  # so that both have what the optional column is for
        running(site.writers[CLUSTERS.index(name)], site)


def running(writer: SlurmdbdWriter, site: Site) -> None:
    """Jobs with a time limit, some of which the site will not have ended when it matters."""
    for association in site.associations[writer.cluster] * 8:
        writer.start(writer.submit(association, cpus=2, timelimit=10_000))


def grant_each_table(server: PrivateMariaDB) -> None:
    """Rights by table instead of by database, so that a single one can be taken."""
    tables = query(server, "select table_name from information_schema.tables where table_schema = %s", (server.database,))
    grants = [f"grant select on {server.database}.`{table}` to {WHO}" for (table,) in tables]
    execute(server, *grants, f"revoke select on {server.database}.* from {WHO}")


def statement_of_a_poll(server: PrivateMariaDB, seconds: float = 10) -> None:
    """Returns while the server has a statement of the exporter about the table in hand."""
    watching = "select count(*) from information_schema.processlist where user = %s and info like '/* slurmdbd_exporter:%%' and info like %s"
    deadline = time.monotonic() + seconds
    while not query(server, watching, (EXPORTER, f"%{TABLE}%"))[0][0]:
        if time.monotonic() > deadline:
            raise AssertionError("no statement of a poll was seen")
        time.sleep(0.01)


@contextmanager
def locked(server: PrivateMariaDB) -> Iterator[None]:
    holder = server.connect()
    holder.cursor().execute(f"lock tables {TABLE} write")
    try:
        yield
    finally:
        with contextlib.suppress(pymysql.MySQLError):
            holder.close()


def kill_mid_poll(server: PrivateMariaDB) -> None:
    """A lock makes a statement of the poll last; then the server is gone under it."""
    with locked(server):
        statement_of_a_poll(server)
        server.kill()


@contextmanager
def killed(server: PrivateMariaDB) -> Iterator[None]:
    kill_mid_poll(server)
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server: PrivateMariaDB) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def altered(server: PrivateMariaDB) -> Iterator[None]:
    """What slurmdbd does to a table when it is upgraded: it waits for a reader that is in its way, everybody else waits for it, and
    then it copies the table."""
    reader, altering = server.connect(), server.connect()
    reader.begin()
    reader.cursor().execute(f"select id_job from {TABLE} limit 1")
    failures: list[BaseException] = []

    def alter() -> None:
        try:
            altering.cursor().execute(f"alter table {TABLE} force, algorithm=copy")
        except BaseException as error:  # told by the test's own thread
            failures.append(error)

    thread = threading.Thread(target=alter)
    thread.start()
    waiting = "select count(*) from information_schema.processlist where state like 'Waiting for table metadata%' and info like 'alter%'"
    deadline = time.monotonic() + 30
    try:
        while not query(server, waiting)[0][0]:
            if time.monotonic() > deadline:
                raise AssertionError(f"the ALTER did not come to wait for its reader: {failures}")
            time.sleep(0.02)
        yield
    finally:
        reader.close()
        thread.join()
        altering.close()
    if failures:
        raise failures[0]


def kill_exporters_connections(server: PrivateMariaDB) -> None:
    for number in connections(server):
        with contextlib.suppress(pymysql.err.OperationalError):  # gone by itself
            execute(server, f"kill {number}")


@contextmanager
def password_changed(trial: Trial) -> Iterator[None]:
    """On the server first. The exporter's file gets the new one when it is over."""
    execute(trial.server, f"alter user {WHO} identified by 'another-secret'")
    kill_exporters_connections(trial.server)
    try:
        yield
    finally:
        trial.set_password("another-secret")


@contextmanager
def column_gone(server: PrivateMariaDB, column: str) -> Iterator[None]:
    table = f"{server.database}.{TABLE}"
    execute(server, f"alter table {table} rename column {column} to away")
    try:
        yield
    finally:
        execute(server, f"alter table {table} rename column away to {column}")


@contextmanager
def revoked(server: PrivateMariaDB) -> Iterator[None]:
    execute(server, f"revoke select on {server.database}.{TABLE} from {WHO}")
    try:
        yield
    finally:
        execute(server, f"grant select on {server.database}.{TABLE} to {WHO}")


@contextmanager
def no_connection_left(server: PrivateMariaDB) -> Iterator[None]:
    others: list[pymysql.Connection] = []
    with root(server) as administrator:  # who has to stay connected to put an end to it
        administrator.execute("set global max_connections = 10")
        try:
            # Its place is free a moment after the kill, and the exporter may be quicker to take it again.
            while True:
                try:
                    others.append(server.connect())
                except pymysql.err.OperationalError:
                    administrator.execute(f"select id from information_schema.processlist where user = '{EXPORTER}'")
                    if not (found := administrator.fetchall()):
                        break
                    with contextlib.suppress(pymysql.err.OperationalError):
                        administrator.execute(f"kill {found[0][0]}")
                    time.sleep(0.01)
            yield
        finally:
            for other in others:
                other.close()
            administrator.execute("set global max_connections = 151")


@contextmanager
def failed_over(trial: Trial, write_again: Callable[[], None]) -> Iterator[None]:
    """The first server dies while a poll reads it and stays dead; who writes moves to the second."""
    kill_mid_poll(trial.server)
    yield
    trial.site.server = trial.judge.server = trial.spare
    trial.site.reconnect()
    write_again()


def faults_of(trial: Trial, long: bool) -> list[Fault]:
    server, every, one = trial.server, frozenset(CLUSTERS), frozenset({ALTERED})

    def reasons(*names: str) -> frozenset[str]:
        return frozenset(names)

    return [
        Fault("killed mid-poll", lambda: killed(server), 20 if long else 4, unreachable, reasons("lost", "connect"), lost=every),
        Fault("frozen", lambda: frozen(server), 120 if long else 20, unreachable, reasons("lost"), reasons("connect", "timeout"), every),
        Fault("ALTER TABLE, copying", lambda: altered(server), 30 if long else 6, table_unreadable, reasons("timeout"), reasons("schema"), one),
        Fault("LOCK TABLES", lambda: locked(server), 15, table_unreadable, reasons("timeout"), lost=one),
        Fault("password changed", lambda: password_changed(trial), 10 if long else 3, unreachable, reasons("privilege"), reasons("lost"), every),
        Fault("optional column gone", lambda: column_gone(server, "timelimit"), 3, column_missed, reasons(), reasons("schema")),
        Fault("needed column gone", lambda: column_gone(server, "tres_alloc"), 10 if long else 3, table_unreadable, reasons("schema"), lost=one),
        Fault("table not granted", lambda: revoked(server), 10 if long else 3, table_unreadable, reasons("privilege"), lost=one),
        Fault("max_connections", lambda: no_connection_left(server), 10 if long else 3, unreachable, reasons("limit"), reasons("lost"), every),
    ]  # fmt: skip


def run(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-faults-")))
        server = stack.enter_context(PrivateMariaDB(options=OPTIONS))
        spare = PrivateMariaDB(options=OPTIONS)
        stack.callback(spare.close)
        trial = Trial(folder, server, spare, options)
        stack.callback(trial.exporter.kill)

        def wanted(name: str) -> bool:
            return not options.only or any(part in name for part in options.only)

        trial.site.start()
        with trial.serving():
            for fault in faults_of(trial, options.long):
                if wanted(fault.name):
                    trial.run(fault)
            if not wanted("fail-over"):
                compared = trial.finish()
        if wanted("fail-over"):
            compared = trial.fail_over()
        return report(trial, compared, time.monotonic() - begun)


def report(trial: Trial, compared: int, seconds: float) -> int:
    print("\n" + "\n".join([Row.HEAD, "|---|" + "---:|" * 6 + "---|---|---|---:|---:|---|", *(row.line() for row in trial.rows)]))
    rows: dict[str, int] = {
        "scrapes": trial.scrapes,
        "connections they took": trial.connects,
        "changes written": sum(trial.site.done.values()),
        "changes that failed with the database": trial.site.failed,
        "series compared in the end": compared,
        **{kind: len(found) for kind, found in trial.judge.wrong.items()},
        "not as it has to be": sum(len(row.problems) for row in trial.rows),
    }
    print(f"\n| faults, {seconds:.0f} s | |\n|---|---:|")
    for name, count in rows.items():
        print(f"| {name} | {count} |")
    failed = not compared or any(trial.judge.wrong.values()) or any(row.problems for row in trial.rows)
    if failed:
        for row in trial.rows:
            for problem in row.problems:
                print(f"!! {row.watch.fault.name}: not so: {problem}")
        print(trial.exporter.tail(30))
    return 1 if failed else 0


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.storm.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--long", action="store_true", help="frozen for two minutes, and the others longer too")
    parser.add_argument("--only", action="append", default=[], help="only faults with this in their name; may be repeated")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="default: random, and printed")
    parser.add_argument("--rate", type=float, default=25, help="changes of the database a second")
    options = parser.parse_args(words)
    binary = exporter_binary()
    if binary is None or not binary.exists() or not shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"):
        print("no exporter: build it, or name it in SLURMDBD_EXPORTER; or no mariadbd (deploy/packages.sh test)")
        return 77
    try:
        return run(options)
    except (AssertionError, MariaDBError) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
