"""What every writer of accounting tables shares: names, rows in and out, transactions, TRES strings, the clock."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, Iterable, Iterator, Mapping, Protocol, Sequence
from zoneinfo import ZoneInfo

import pymysql

from tests.support import releases, schema

Row = dict[str, Any]
Tres = Mapping[str, int]  # {'cpu': 4, 'mem': 8000, 'gres/gpu': 1}; mem in MB


class Clock(Protocol):
    """Epoch seconds, UTC."""

    def __call__(self) -> int: ...


def system_clock() -> int:
    """The real time, epoch seconds."""
    return int(time.time())


class ManualClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> int:
        self.now += seconds
        return self.now


@cache
def _ever(table: str) -> frozenset[str]:
    """Columns a table has in any release."""
    return frozenset().union(*(schema.columns(release, table) for release in releases.RELEASES))


class Session:
    """One cluster's tables in one release. Each public call of the writers is one transaction unless inside bundle()."""

    def __init__(
        self,
        connection: pymysql.Connection,
        release: str,
        cluster: str,
        clock: Clock = system_clock,
        *,
        controller_release: str | None = None,
        timezone: str = "UTC",
    ) -> None:
        self.connection = connection
        connection.autocommit(True)
        self.release = release
        self.cluster = cluster
        self.clock = clock
        self.controller_release = controller_release or release
        self.timezone = ZoneInfo(timezone)
        self._depth = 0
        self._tres_ids: dict[str, int] = {}

    # -- transactions and statements

    @contextmanager
    def bundle(self) -> Iterator[None]:
        """Several calls as one transaction, as slurmdbd commits a bundle of messages. Rolled back on an exception."""
        if self._depth == 0:
            self.connection.begin()
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self.connection.rollback()
            raise
        self._depth -= 1
        if self._depth == 0:
            self.connection.commit()

    def table(self, name: str) -> str:
        """'%_job_table' or 'qos_table' as a quoted name."""
        return "`" + name.replace("%", self.cluster).replace("`", "``") + "`"

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs one statement; the number of rows it changed or found."""
        with self.connection.cursor() as cursor:
            return cursor.execute(sql, values or None)

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Rows as dicts, column name to value."""
        with self.connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def has(self, table: str, column: str) -> bool:
        """True if this release's table has the column."""
        return column in schema.columns(self.release, table)

    def has_table(self, table: str) -> bool:
        return bool(schema.columns(self.release, table))

    def known(self, table: str, row: Row) -> Row:
        """The row without columns this release does not have; a column no release has is an error."""
        if strangers := row.keys() - _ever(table):
            raise KeyError(f"{table} has no columns {sorted(strangers)} in any release")
        return {name: value for name, value in row.items() if name in schema.columns(self.release, table)}

    def insert(self, table: str, row: Row, update: str = "") -> int:
        """Inserts one row; `update` follows 'on duplicate key update'. Returns the automatic id."""
        row = self.known(table, row)
        names = ", ".join(f"`{name}`" for name in row)
        marks = ", ".join(["%s"] * len(row))
        tail = f" on duplicate key update {update}" if update else ""
        with self.connection.cursor() as cursor:
            cursor.execute(f"insert into {self.table(table)} ({names}) values ({marks}){tail}", tuple(row.values()))
            return int(cursor.lastrowid or 0)

    def insert_many(self, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]], batch: int = 2000) -> int:
        """Inserts rows with multi-row statements; the number of rows. Columns this release lacks are left out."""
        kept = self.known(table, dict.fromkeys(names))
        places = [place for place, name in enumerate(names) if name in kept]
        head = f"insert into {self.table(table)} ({', '.join(f'`{names[p]}`' for p in places)}) values "
        escape = self.connection.escape
        total = 0
        with self.connection.cursor() as cursor:
            parts: list[str] = []
            for row in rows:
                parts.append("(" + ",".join([_literal(row[place], escape) for place in places]) + ")")
                if len(parts) == batch:
                    total += cursor.execute(head + ",".join(parts))
                    parts = []
            if parts:
                total += cursor.execute(head + ",".join(parts))
        return total

    def update(self, table: str, changes: Row, where: str, values: Sequence[Any]) -> int:
        """Updates rows; the number of rows changed."""
        changes = self.known(table, changes)
        assignments = ", ".join(f"`{name}` = %s" for name in changes)
        return self.execute(f"update {self.table(table)} set {assignments} where {where}", (*changes.values(), *values))

    # -- TRES

    def tres_id(self, name: str) -> int:
        """Id of 'cpu', 'gres/gpu', 'license/matlab', ... KeyError if the database does not have it."""
        if name not in self._tres_ids:
            found = self.select("select id, type, name from tres_table where deleted = 0")
            self._tres_ids = {row["type"] + ("/" + row["name"] if row["name"] else ""): row["id"] for row in found}
        return self._tres_ids[name]

    def tres_string(self, tres: Tres) -> str:
        """{'cpu': 4, 'gres/gpu': 1} as '1=4,1001=1'."""
        return ",".join(f"{number}={count}" for number, count in sorted((self.tres_id(n), c) for n, c in tres.items()))

    def with_tres_strings(self, row: Mapping[str, Any]) -> Row:
        """The row with every TRES mapping in it replaced by its string."""
        return {name: self.tres_string(value) if isinstance(value, Mapping) else value for name, value in row.items()}

    def local(self, instant: int) -> datetime:
        """An instant (epoch seconds) in slurmdbd's time zone."""
        return datetime.fromtimestamp(instant, self.timezone)


def parse_tres(text: str) -> dict[int, int]:
    """'1=4,2=8000' as {1: 4, 2: 8000}: the first occurrence of an id counts, malformed text ends it."""
    found: dict[int, int] = {}
    for part in text.strip(",").split(","):
        number, _, count = part.partition("=")
        if not (number.isdigit() and count.isdigit()):
            break
        found.setdefault(int(number), int(count))
    return found


def _literal(value: Any, escape: Any) -> str:
    """One value as SQL text."""
    if value is None:
        return "NULL"
    if isinstance(value, int):  # an IntEnum too
        return str(int(value))
    return str(value) if isinstance(value, float) else escape(value)
