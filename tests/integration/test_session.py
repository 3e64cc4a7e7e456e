"""What the database sees of the exporter: one careful, read-only session that slurmdbd never notices."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pymysql
import pytest

from tests.integration.conftest import Start
from tests.integration.database import Accounting, GeneralLog, Logged, connections, query, run_jobs
from tests.integration.exporter import Exporter, flags_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.slurm import wait_until
from tests.support.values import JobState

FORBIDDEN = (
    "job_name", "submit_line", "batch_script", "env_vars", "work_dir", "admin_comment", "system_comment", "derived_es",
    "comment", "extra", "std_out", "std_err", "std_in", "script_hash_inx", "env_hash_inx", "container", "constraints",
)  # fmt: skip
TAG = re.compile(r"/\* slurmdbd_exporter:[a-z-]+ \*/ ")
VERBS = re.compile(r"(SELECT|SET SESSION|START TRANSACTION|COMMIT)\b")


@pytest.fixture(scope="module")
def history(tls_server: PrivateMariaDB) -> Iterator[Accounting]:
    """Jobs of many kinds, so that every statement there is gets used."""
    accounting = Accounting(tls_server)
    writer = accounting.writers["alpha"]
    run_jobs(writer, 5)
    ada = writer.association("physics", "ada")
    now = int(time.time())
    suspended = writer.submit(ada, at=now - 100)
    writer.start(suspended, at=now - 90)
    writer.suspend(suspended, at=now - 50)
    yield accounting
    accounting.close()


def end_one(accounting: Accounting) -> None:
    """A job ends long ago, so that it is looked up by its key."""
    writer = accounting.writers["alpha"]
    job = writer.submit(writer.association("physics", "ada"), at=int(time.time()) - 90_000)
    writer.start(job, at=int(time.time()) - 89_000)
    time.sleep(1.2)
    writer.end(job, JobState.FAILED, at=int(time.time()) - 88_000)


@pytest.fixture(scope="module")
def statements(history: Accounting, tmp_path_factory: pytest.TempPathFactory) -> list[Logged]:
    """Everything the exporter did at the server from its start to its end."""
    exporter = Exporter(tmp_path_factory.mktemp("session"), flags_for(history.server), {
        "SLURMDBD_EXPORTER_DATABASE_PASSWORD": history.server.passwords["slurmdbd_exporter"],
    })
    with GeneralLog(history.server) as seen:
        try:
            exporter.start()
            end_one(history)
            exporter.wait_for_polls(2)
            exporter.stop()
        finally:
            exporter.kill()
        return seen.entries()


def queries(statements: list[Logged]) -> list[str]:
    return [entry.text for entry in statements if entry.kind == "Query"]


def test_nothing_but_reading(statements: list[Logged]) -> None:
    assert {entry.kind for entry in statements} == {"Connect", "Query", "Quit"}
    assert len(queries(statements)) > 30
    for text in queries(statements):
        assert TAG.match(text), f"no tag: {text}"
        assert VERBS.match(TAG.sub("", text)), f"not a harmless statement: {text}"
        assert "FOR UPDATE" not in text.upper() and "SHARE MODE" not in text.upper()


def test_every_kind_of_statement_was_seen(statements: list[Logged]) -> None:
    purposes = {match[1] for text in queries(statements) if (match := re.match(r"/\* slurmdbd_exporter:([a-z-]+)", text))}
    assert purposes >= {"session", "time", "clusters", "tres", "qos", "schema", "associations", "snapshot", "jobs-open",
                        "jobs-ended", "jobs-oldest", "jobs-by-key", "jobs-inserted", "jobs-newest", "suspensions", "last-rollup"}  # fmt: skip


def test_no_column_that_is_not_needed(statements: list[Logged]) -> None:
    for text in queries(statements):
        assert not re.search(r"select\s+(\w+\.)?\*", text, re.IGNORECASE), text
        for column in FORBIDDEN:
            assert not re.search(rf"\b{column}\b", text), f"{column}: {text}"


def test_the_session_is_set_up_before_anything_is_read(statements: list[Logged]) -> None:
    texts = queries(statements)
    first_read = next(number for number, text in enumerate(texts) if "SELECT" in text)
    setup = " ".join(texts[:first_read])
    for part in (
        "SET SESSION TRANSACTION READ ONLY",
        "ISOLATION LEVEL REPEATABLE READ",
        "max_statement_time=30.000",
        "lock_wait_timeout=2",
        "innodb_lock_wait_timeout=2",
        "time_zone='+00:00'",
        "autocommit=1",
    ):
        assert part in setup, f"{part} is not in {setup}"


def test_one_connection_for_all_polls(statements: list[Logged]) -> None:
    assert sum(entry.kind == "Connect" for entry in statements) == 1
    assert len({entry.thread for entry in statements}) == 1
    assert statements[-1].kind == "Quit", "it leaves without saying so"


def test_no_transaction_is_left_open(statements: list[Logged]) -> None:
    """Each one is short, and its end is sent before the next begins."""
    depth = 0
    for text in queries(statements):
        depth += ("START TRANSACTION" in text) - ("COMMIT" in text)
        assert depth in (0, 1)
        assert "START TRANSACTION" not in text or "READ ONLY" in text
    assert depth == 0
    assert sum("START TRANSACTION" in text for text in queries(statements)) >= 3


def test_the_limits_follow_the_settings(history: Accounting, start: Start) -> None:
    flags = flags_for(history.server, database__query_timeout="1500ms", database__lock_wait_timeout="7s")
    with GeneralLog(history.server) as seen:
        start(flags)
    setup = " ".join(text for text in seen.of_kind("Query") if ":session " in text)
    assert "max_statement_time=1.500" in setup and "lock_wait_timeout=7," in setup, setup


def test_the_session_can_write_nothing(history: Accounting) -> None:
    """Neither by its rights nor, were they wider, in the mode it is in."""
    rights = [row[0] for row in query(history.server, "show grants for slurmdbd_exporter@'127.0.0.1'")]
    assert all(re.match(r"GRANT (USAGE|SELECT) ON", right) for right in rights), rights
    connection = history.server.connect("slurm")  # may do everything
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            with pytest.raises(pymysql.err.OperationalError, match="READ ONLY"):
                cursor.execute("insert into alpha_last_ran_table values (1, 1, 1)")
    finally:
        connection.close()


def test_idle_it_holds_nothing(history: Accounting, start: Start) -> None:
    server = history.server
    exporter = start(flags_for(server, poll__interval="2s"))
    open_transactions = "select count(*) from information_schema.innodb_trx"
    control = server.connect()
    with control.cursor() as cursor:
        cursor.execute("start transaction with consistent snapshot")
        assert query(server, open_transactions) == [(1,)], "innodb_trx does not show what it should"
    control.close()
    wait_until(lambda: query(server, open_transactions) == [(0,)], "our own transaction to go")
    exporter.wait_for_polls()
    time.sleep(0.2)
    ends = time.monotonic() + 1.2
    while time.monotonic() < ends:
        assert query(server, open_transactions) == [(0,)]
        assert len(connections(server)) == 1
        time.sleep(0.05)


def test_never_two_connections(history: Accounting, start: Start) -> None:
    server = history.server
    exporter = start(flags_for(server))
    ends = time.monotonic() + 2.5
    most = 0
    while time.monotonic() < ends:
        most = max(most, len(connections(server)))
        time.sleep(0.01)
    assert most == 1
    exporter.stop()
    wait_until(lambda: not connections(server), "the connection to be closed")


def test_it_tells_who_it_is(history: Accounting, start: Start) -> None:
    start(flags_for(history.server))
    (number,) = connections(history.server)
    told = dict(
        query(
            history.server,
            "select attr_name, attr_value from performance_schema.session_connect_attrs where processlist_id = %s",
            (number,),
        )
    )
    assert told["program_name"] == "slurmdbd_exporter"
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["program_version"])


def test_it_never_holds_up_a_change_of_tables(history: Accounting, start: Start) -> None:
    """slurmdbd alters its tables when it starts; a reader that sits on them would stop it, and all others behind it."""
    start(flags_for(history.server))
    connection = history.server.connect()
    worst = 0.0
    try:
        with connection.cursor() as cursor:
            cursor.execute("set lock_wait_timeout = 3")
            ends = time.monotonic() + 2.5
            while time.monotonic() < ends:
                began = time.monotonic()
                cursor.execute("alter table alpha_job_table comment = 'x', algorithm = instant")
                worst = max(worst, time.monotonic() - began)
                time.sleep(0.02)
    finally:
        connection.close()
    print(f"\nthe slowest ALTER TABLE took {worst * 1e3:.0f} ms")
    assert worst < 1
