"""Accounting databases for the tests, users of the server, and what the server saw of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql

from tests.support import releases, schema
from tests.support.mariadb import EXPORTER, PrivateMariaDB
from tests.support.session import Clock, ManualClock, system_clock
from tests.support.slurm import wait_until
from tests.support.accounting import SlurmdbdWriter

NEWEST = releases.RELEASES[-1]
CAPACITY = {"cpu": 64, "mem": 256_000, "node": 4, "billing": 64}


class Accounting:
    """The server's accounting database, made anew, with a writer for each cluster."""

    def __init__(
        self, server: PrivateMariaDB, *clusters: str, release: str = NEWEST, clock: Clock = system_clock, created: int = 1
    ) -> None:
        self.server, self.release, self.clock, self.created = server, release, clock, created
        self.began = clock()
        self.writers: dict[str, SlurmdbdWriter] = {}
        server.reset_database()
        connection = server.connect()
        schema.create_database(connection, release, created)
        connection.close()
        for name in clusters or ("alpha",):
            self.add_cluster(name)

    def add_cluster(self, name: str) -> SlurmdbdWriter:
        """A registered cluster with two accounts and a user in each."""
        connection = self.server.connect()
        schema.create_cluster(connection, self.release, name, self.created)
        writer = SlurmdbdWriter(connection, self.release, name, self.clock)
        writer.register_cluster(CAPACITY)
        for account, user in (("physics", "ada"), ("chemistry", "marie")):
            writer.add_account(account, grp_tres_mins={"cpu": 10**6})  # a quota, so that jobs are read for it
            writer.add_user(user, account)
        self.writers[name] = writer
        return writer

    def clear(self) -> None:
        """No jobs, and all clusters there: as good as new for most tests, and much faster."""
        for writer in self.writers.values():
            for table in ("job", "step", "suspend", "last_ran"):
                writer.execute(f"delete from {writer.table(f'%_{table}_table')}")
            writer._last_job_id = 0
            writer.execute("update cluster_table set deleted = 0")
        if isinstance(self.clock, ManualClock):
            self.clock.now = self.began

    def close(self) -> None:
        for writer in self.writers.values():
            writer.connection.close()


def run_jobs(writer: SlurmdbdWriter, count: int = 1, seconds: int = 100, **request: Any) -> None:
    """Jobs of ada in physics that ran for `seconds` and ended a little while ago; and one that still runs."""
    ada = writer.association("physics", "ada")
    now = int(writer.clock())
    for number in range(count):
        ended = now - 10 - number
        job = writer.submit(ada, at=ended - seconds - 5, **request)
        writer.start(job, at=ended - seconds)
        writer.end(job, at=ended)
    running = writer.submit(ada, at=now - 50, cpus=2)
    writer.start(running, at=now - 40)


@contextmanager
def root(server: PrivateMariaDB) -> Iterator[pymysql.cursors.Cursor]:
    """A cursor of the server's administrator, in no database."""
    connection = server.connect("root", database=None)
    try:
        yield connection.cursor()
    finally:
        connection.close()


def query(server: PrivateMariaDB, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows, as the administrator."""
    with root(server) as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def execute(server: PrivateMariaDB, *statements: str) -> None:
    """Runs statements as the administrator."""
    with root(server) as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def database_user(server: PrivateMariaDB, name: str, password: str, *, rights: str = "", require: str = "") -> Iterator[str]:
    """A user from 127.0.0.1 and the socket for a while, with SELECT on the database unless other rights are named."""
    rights = rights or f"select on `{server.database}`.*"
    with root(server) as cursor:
        for host in ("127.0.0.1", "localhost"):
            cursor.execute(f"create user %s@%s identified by %s {require}", (name, host, password))
            cursor.execute(f"grant {rights} to %s@%s", (name, host))
    try:
        yield name
    finally:
        with root(server) as cursor:
            for host in ("127.0.0.1", "localhost"):
                cursor.execute("drop user %s@%s", (name, host))


def connections(server: PrivateMariaDB, user: str = EXPORTER) -> list[int]:
    """Ids of a user's connections."""
    return [row[0] for row in query(server, "select id from information_schema.processlist where user = %s", (user,))]


def kill_connections(server: PrivateMariaDB, user: str = EXPORTER) -> int:
    """Cuts a user's connections; how many."""
    ids = connections(server, user)
    execute(server, *(f"kill {number}" for number in ids))
    wait_until(lambda: not set(ids) & set(connections(server, user)), "the killed connections to go")
    return len(ids)


@dataclass(frozen=True)
class Logged:
    """An entry of the server's general log: 'Connect', 'Query', 'Quit', ... and its text."""

    kind: str
    text: str
    thread: int


class GeneralLog:
    """What the server is asked between entering and leaving the context."""

    def __init__(self, server: PrivateMariaDB) -> None:
        self._server = server

    def __enter__(self) -> GeneralLog:
        execute(self._server, "set global log_output = 'TABLE'", "truncate mysql.general_log", "set global general_log = 1")
        return self

    def __exit__(self, *_: object) -> None:
        execute(self._server, "set global general_log = 0")

    def entries(self, user: str = EXPORTER) -> list[Logged]:
        """Entries of one user's connections, in order."""
        rows = query(
            self._server,
            "select command_type, convert(argument using utf8mb4), thread_id, user_host from mysql.general_log"
            " order by event_time",
        )
        entries = [(Logged(kind, text, thread), host) for kind, text, thread, host in rows]
        threads = {entry.thread for entry, _ in entries if entry.kind == "Connect" and f"{user}@" in entry.text}
        return [entry for entry, host in entries if entry.thread in threads or host.startswith(f"{user}[")]

    def of_kind(self, kind: str, user: str = EXPORTER) -> list[str]:
        """Texts of one kind of entry."""
        return [entry.text for entry in self.entries(user) if entry.kind == kind]
