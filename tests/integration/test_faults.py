"""What goes wrong with a database, one thing after another under one exporter that is never restarted.

In every trouble: the page is there in milliseconds, it tells the truth, what is too old goes, what is still known stays,
the log tells once, and all is well again when the trouble is over.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymysql
import pytest

from tests.integration.conftest import SECRETS, RunOnce
from tests.integration.database import Accounting, connections, execute, kill_connections, query, root, run_jobs
from tests.integration.exporter import COLLECTORS, READABLE, UNREADABLE, Exporter, flags_for, lines_with
from tests.integration.samples import OF_ALL_CLUSTERS, Samples, differences
from tests.integration.scraper import Scraper
from tests.support.mariadb import PrivateMariaDB
from tests.support.values import JobState

STALENESS = 3
CLUSTERS = {"alpha", "beta"}


def fill(accounting: Accounting, now: int) -> None:
    """Ended and waiting jobs: numbers that stand still, so that pages can be compared."""
    for name, count in (("alpha", 4), ("beta", 3)):
        writer = accounting.writers[name]
        ada = writer.association("physics", "ada")
        for number in range(count):
            job = writer.submit(ada, at=now - 500, cpus=number + 1)
            writer.start(job, at=now - 400)
            writer.end(job, JobState.FAILED if number == 0 else JobState.COMPLETED, at=now - 300 + number)
        writer.submit(writer.association("chemistry", "marie"), at=now - 200)


@pytest.fixture(scope="module")
def filled(server: PrivateMariaDB) -> Iterator[Accounting]:
    accounting = Accounting(server, *sorted(CLUSTERS))
    fill(accounting, int(time.time()))
    yield accounting
    accounting.close()


@pytest.fixture(scope="module")
def flags(filled: Accounting) -> dict[str, object]:
    quick = {"database.query-timeout": "1s", "database.lock-wait-timeout": "1s", "database.connect-timeout": "1s"}
    stale = {f"collector.{name}.staleness": f"{STALENESS}s" for name in COLLECTORS}
    return flags_for(filled.server) | quick | stale


@pytest.fixture(scope="module")
def survivor(flags: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """One exporter for all troubles."""
    exporter = Exporter(tmp_path_factory.mktemp("faults"), flags, SECRETS).start()
    yield exporter
    exporter.kill()


@contextmanager
def killed(server: PrivateMariaDB) -> Iterator[None]:
    time.sleep(1.2)  # the test server writes its log once a second only
    server.kill()
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
def locked(server: PrivateMariaDB, table: str) -> Iterator[None]:
    """What an ALTER TABLE of slurmdbd does to readers."""
    holder = server.connect()
    try:
        holder.cursor().execute(f"lock tables {table} write")
        yield
    finally:
        holder.close()


def job_table_locked(server: PrivateMariaDB):
    return locked(server, "alpha_job_table")


def tres_table_locked(server: PrivateMariaDB):
    return locked(server, "tres_table")


@contextmanager
def column_gone(server: PrivateMariaDB) -> Iterator[None]:
    table = f"{server.database}.alpha_job_table"
    execute(server, f"alter table {table} rename column tres_alloc to away")
    try:
        yield
    finally:
        execute(server, f"alter table {table} rename column away to tres_alloc")


@contextmanager
def table_gone(server: PrivateMariaDB) -> Iterator[None]:
    database = server.database
    execute(server, f"rename table {database}.alpha_suspend_table to {database}.away, {database}.alpha_job_table to {database}.away2")
    try:
        yield
    finally:
        execute(server, f"rename table {database}.away to {database}.alpha_suspend_table, {database}.away2 to {database}.alpha_job_table")


@contextmanager
def table_not_granted(server: PrivateMariaDB) -> Iterator[None]:
    """From rights on the whole database to rights on each table but one, and back."""
    who, database = "slurmdbd_exporter@'127.0.0.1'", server.database
    tables = [row[0] for row in query(server, "select table_name from information_schema.tables where table_schema = %s", (database,))]
    kept = [table for table in tables if table != "alpha_job_table"]
    execute(server, *(f"grant select on {database}.`{table}` to {who}" for table in kept), f"revoke select on {database}.* from {who}")
    kill_connections(server)  # rights on a database are looked up once a connection
    try:
        yield
    finally:
        execute(
            server, f"grant select on {database}.* to {who}", *(f"revoke select on {database}.`{table}` from {who}" for table in kept)
        )
        kill_connections(server)


@contextmanager
def no_connection_left(server: PrivateMariaDB) -> Iterator[None]:
    others: list[pymysql.Connection] = []
    with root(server) as administrator:  # who has to stay connected to put an end to it
        administrator.execute("set global max_connections = 10")
        find = "select id from information_schema.processlist where user = 'slurmdbd_exporter'"
        try:
            # Its place is free a moment after the kill, and the exporter may be quicker to take it again.
            while True:
                try:
                    others.append(server.connect())
                except pymysql.err.OperationalError:
                    if not administrator.execute(find):
                        break
                    with contextlib.suppress(pymysql.err.OperationalError):
                        administrator.execute(f"kill {administrator.fetchall()[0][0]}")
                    time.sleep(0.01)
            yield
        finally:
            for other in others:
                other.close()
            administrator.execute("set global max_connections = 151")


@contextmanager
def database_dropped(server: PrivateMariaDB) -> Iterator[None]:
    execute(server, f"drop database {server.database}")
    try:
        yield
    finally:
        # Under a name of its own first, so that nobody sees half of it.
        again = Accounting(server, *sorted(CLUSTERS))
        fill(again, int(time.time()))
        again.close()


@dataclass(frozen=True)
class Fault:
    """A trouble: how it is made, what may be told as its reason, whether the server answers, whose numbers go, of which
    collectors."""

    make: Callable[[PrivateMariaDB], object]
    reasons: set[str]
    up: int
    lost: frozenset[str] = frozenset(CLUSTERS)
    hurt: tuple[str, ...] = COLLECTORS

    def clusters(self, page: Samples) -> set[str]:
        """Clusters with metrics of the collectors that are hurt."""
        return page.clusters(() if self.hurt == COLLECTORS else SPARED_METRICS)


ALPHA = frozenset({"alpha"})
# Made without the tables of jobs, as long as no reservation runs.
SPARED = ("cluster", "nodes", "reservations", "storage")
SPARED_METRICS = ("slurmdbd_cluster_", "slurmdbd_node", "slurmdbd_reservation_", "slurmdbd_table_", "slurmdbd_oldest_")
OF_JOBS = tuple(name for name in COLLECTORS if name not in SPARED)
FAULTS = (
    Fault(killed, {"lost", "connect"}, up=0),
    Fault(frozen, {"lost", "connect", "timeout"}, up=0),
    Fault(job_table_locked, {"timeout"}, up=1, lost=ALPHA, hurt=OF_JOBS),
    Fault(tres_table_locked, {"timeout"}, up=1),
    Fault(column_gone, {"schema"}, up=1, lost=ALPHA, hurt=OF_JOBS),
    Fault(table_gone, {"schema"}, up=1, lost=ALPHA, hurt=OF_JOBS),
    Fault(table_not_granted, {"privilege"}, up=1, lost=ALPHA, hurt=OF_JOBS),
    Fault(no_connection_left, {"limit"}, up=0),
    Fault(database_dropped, {"schema", "timeout"}, up=1),
)


def test_steps_that_cannot_be_read_take_only_efficiency_away(accounting: Accounting, start) -> None:
    run_jobs(accounting.writers["alpha"])
    exporter = start(flags_for(accounting.server, counter__settle="0s") | {"collector.efficiency.staleness": f"{STALENESS}s"})
    measured = "slurmdbd_jobs_unmeasured_total"
    exporter.wait_for(lambda page: page.total(measured), "the job without steps")
    table = f"`{accounting.server.database}`.alpha_step_table"
    execute(accounting.server, f"rename table {table} to {table}_away")
    page = exporter.wait_for(lambda page: page.success("efficiency") == 0 and not list(page.matching(measured)), "efficiency to go", STALENESS + 10)
    assert all(page.success(collector) == 1 for collector in COLLECTORS if collector != "efficiency")
    assert page.total("slurmdbd_jobs_ended_total") == 1
    execute(accounting.server, f"rename table {table}_away to {table}")
    exporter.wait_for(lambda page: page.success("efficiency") == 1 and page.total(measured), "efficiency to come back")


def new_errors(page: Samples, before: Samples) -> dict[str, float]:
    """Failures since an earlier page."""
    earlier = before.errors()
    return {reason: count - earlier.get(reason, 0) for reason, count in page.errors().items() if count > earlier.get(reason, 0)}


def check_page_in_trouble(page: Samples, before: Samples, fault: Fault) -> None:
    assert page.value("slurmdbd_up") == fault.up, page.state()
    assert new_errors(page, before).keys() <= fault.reasons, page.errors()
    for collector in fault.hurt:
        assert page.success(collector) == 0
        assert page.last_success(collector) <= before.last_success(collector) + 2
    for name in ("slurmdbd_exporter_build_info", "process_cpu_seconds_total", "slurmdbd_exporter_poll_interval_seconds"):
        assert page.value(name) is not None


def check_log(log: list[str], collectors: tuple[str, ...]) -> None:
    """A failure is told when it changes, not at each poll: of the database as a whole once, else of each collector."""
    for collector in collectors:
        of_collector = ("collector failed", f"collector={collector} ")
        told = lines_with(log, UNREADABLE) + lines_with(log, *of_collector)
        assert told, f"nothing is told of {collector}"
        for begin, end in (((UNREADABLE,), (READABLE,)), (of_collector, ("collector recovered", f"collector={collector}"))):
            lines = [line.partition(" level=")[2] for line in lines_with(log, *begin)]
            assert all(one != next_one for one, next_one in zip(lines, lines[1:], strict=False)), f"again and again: {lines}"
            assert len(lines) <= 3, lines
            assert len(lines_with(log, *end)) == (1 if lines else 0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.make.__name__)
def test_trouble(fault: Fault, survivor: Exporter, filled: Accounting, flags: dict[str, object], once: RunOnce) -> None:
    server = filled.server
    healthy = survivor.wait_for(lambda page: page.success() == 1 and page.clusters() == CLUSTERS, "health before the trouble", 5)
    log_from = survivor.log_size()
    with Scraper(survivor) as scraper:
        with fault.make(server):
            page = survivor.wait_for(lambda page: sum(new_errors(page, healthy).values()) >= 2, "two failed polls", 30)
            check_page_in_trouble(page, healthy, fault)
            stopped = page.last_success()
            page = survivor.wait_for(lambda page: not fault.clusters(page) & fault.lost, "stale families to vanish", STALENESS + 6)
            assert time.time() - stopped > STALENESS - 0.5, "the families vanished too early"
            check_page_in_trouble(page, healthy, fault)
            assert page.last_success() == stopped
            assert fault.clusters(page) == CLUSTERS - fault.lost
            if fault.lost != CLUSTERS:
                assert page.value("slurmdbd_exporter_cluster_success", cluster="alpha") == 0
                assert page.value("slurmdbd_exporter_cluster_success", cluster="beta") == 1
        page = survivor.wait_for(
            lambda page: page.success() == 1 and page.value("slurmdbd_up") == 1 and page.clusters() == CLUSTERS, "recovery", 10
        )
    scraper.check(fault.make.__name__)
    assert page.last_success() > stopped
    # What a database that is gone had counted stays counted.
    different = differences(page, once(flags).samples)
    assert [one for one in different if not one.startswith(OF_ALL_CLUSTERS)] == []
    assert len(connections(server)) == 1
    time.sleep(0.1)
    check_log(survivor.log(log_from), fault.hurt)


def test_an_idle_connection_that_is_cut_costs_no_poll(survivor: Exporter, filled: Accounting) -> None:
    survivor.wait_for(lambda page: page.success() == 1, "health before the trouble", 5)
    before = survivor.wait_for_polls(1).errors()
    with Scraper(survivor) as scraper:
        for _ in range(3):
            assert kill_connections(filled.server) == 1
            page = survivor.wait_for_polls(1)
            assert page.errors() == before, survivor.tail()
            assert page.success() == 1
    scraper.check("connection cut")


def test_a_server_that_restarts_between_polls_costs_no_poll(filled: Accounting, flags: dict[str, object], start) -> None:
    exporter = start(flags | {"poll.interval": "6s"} | {f"collector.{name}.staleness": "30s" for name in COLLECTORS})
    time.sleep(0.3)
    filled.server.stop()
    filled.server.start()
    page = exporter.wait_for_polls(1)
    assert page.success() == 1
    assert not page.errors(), exporter.tail()


def test_an_optional_column_goes_and_comes_back(filled: Accounting, survivor: Exporter) -> None:
    """Nothing fails for long without it; what needs it is left out, and comes back with it."""
    server = filled.server
    table = f"{server.database}.alpha_job_table"
    writer = filled.writers["alpha"]
    writer.connection.ping(reconnect=True)
    job = writer.submit(writer.association("physics", "ada"), timelimit=60)
    writer.start(job)
    committed = "slurmdbd_jobs_committed_tres_seconds"
    survivor.wait_for(lambda page: page.value(committed, cluster="alpha", tres="cpu"), "a running job with a time limit")
    missing = "slurmdbd_exporter_missing_columns"
    log_from = survivor.log_size()
    try:
        execute(server, f"alter table {table} rename column timelimit to away")
        page = survivor.wait_for(lambda page: page.value(missing) == 1 and page.success() == 1, "the column to be missed")
        assert page.value(committed, cluster="alpha", tres="cpu") is None
        assert page.value("slurmdbd_jobs", cluster="alpha", account="physics", state="running") == 1
        survivor.wait_for_polls(2)
        assert len(lines_with(survivor.log(log_from), "column", "alpha_job_table.timelimit")) == 1
    finally:
        execute(server, f"alter table {table} rename column away to timelimit")
    survivor.wait_for(lambda page: page.value(missing) == 0, "the column to be found again", 10)
    survivor.wait_for(lambda page: page.value(committed, cluster="alpha", tres="cpu"), "what needs it", 5)
    writer.end(job)
