"""Creates the accounting database's tables as slurmdbd of a given release does.

    create_database(connection, "23.11")           # global tables, static TRES, root user and account, QOS normal
    create_cluster(connection, "23.11", "alpine")  # tables alpine_*, its row in cluster_table, its root associations

The tables are described in schema.tables; this file reads that description.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Iterator

import pymysql

from tests.support import releases

STATIC_TRES = (
    (1, "cpu", ""), (2, "mem", ""), (3, "energy", ""), (4, "node", ""),
    (5, "billing", ""), (6, "fs", "disk"), (7, "vmem", ""), (8, "pages", ""),
)  # fmt: skip
DYNAMIC_OFFSET = 1000  # ids above are given to gres, licenses and the like, different in every database


@dataclass(frozen=True)
class Span:
    """A range of releases, both ends included, as positions in RELEASES."""

    first: int
    last: int

    def holds(self, release: str) -> bool:
        return self.first <= releases.index(release) <= self.last


@dataclass
class Table:
    """One table over all releases: (column, type, span) and (kind, name, columns, span)."""

    name: str
    span: Span
    options: str = ""
    columns: list[tuple[str, str, Span]] = field(default_factory=list)
    indexes: list[tuple[str, str, str, Span]] = field(default_factory=list)

    @property
    def per_cluster(self) -> bool:
        return self.name.startswith("%")

    def column_names(self, release: str) -> list[str]:
        return [name for name, _, span in self.columns if span.holds(release)]

    def create_statement(self, release: str, cluster: str = "") -> str:
        """CREATE TABLE of this table in one release."""
        parts = [f"`{name}` {kind}" for name, kind, span in self.columns if span.holds(release)]
        for kind, name, columns, span in self.indexes:
            if span.holds(release):
                quoted = re.sub(r"(\w+)(\(\d+\))?(,|$)", r"`\1`\2\3", columns)
                parts.append(f"primary key ({quoted})" if kind == "primary" else f"{kind} key `{name}` ({quoted})".removeprefix("key "))
        name = self.name.replace("%", cluster).replace("`", "``")
        return f"create table `{name}` (\n  " + ",\n  ".join(parts) + f"\n) engine=InnoDB {self.options}".rstrip()


def _span(line: str) -> tuple[str, Span]:
    """Splits '[A..B]' off the end of a line."""
    match = re.search(r"\s*\[([\d.]*?)\.\.([\d.]*)\]$", line)
    first, last = (match[1], match[2]) if match else ("", "")
    span = Span(
        releases.index(first) if first else 0,
        releases.index(last) if last else len(releases.RELEASES) - 1,
    )
    return (line[: match.start()] if match else line).strip(), span


def _expand(name: str) -> list[str]:
    match = re.search(r"\{(.*)\}", name)
    return [name.replace(match[0], word) for word in match[1].split(",")] if match else [name]


def _parse(lines: Iterator[str]) -> Iterator[Table]:
    current: list[Table] = []
    for raw in lines:
        if not raw.strip() or raw.startswith("#"):
            continue
        line, span = _span(raw.rstrip())
        if line.startswith("table "):
            yield from current
            _, name, *options = line.split()
            current = [Table(one, span, " ".join(options)) for one in _expand(name)]
        elif line.startswith("- "):
            kind, _, rest = line[2:].partition(" ")
            name, columns = ("", rest) if kind == "primary" else rest.split(": ")
            for table in current:
                table.indexes.append((kind, name, columns, span))
        else:
            name, _, kind = line.partition(" ")
            for table in current:
                table.columns.append((name, kind.strip(), span))
    yield from current


@cache
def tables() -> tuple[Table, ...]:
    """All tables of all releases, in the order of schema.tables."""
    text = Path(__file__).with_name("schema.tables").read_text(encoding="utf-8")
    return tuple(_parse(iter(text.splitlines())))


@cache
def columns(release: str, table: str) -> frozenset[str]:
    """Column names of one table ('%_job_table', 'qos_table') in one release; empty if there is no such table."""
    for candidate in tables():
        if candidate.name == table and candidate.span.holds(release):
            return frozenset(candidate.column_names(release))
    return frozenset()


def statements(release: str, cluster: str | None = None) -> list[str]:
    """CREATE TABLE statements: the global tables, or with a cluster that cluster's."""
    return [
        table.create_statement(release, cluster or "")
        for table in tables()
        if table.per_cluster == (cluster is not None) and table.span.holds(release)
    ]


def create_database(connection: pymysql.Connection, release: str, now: int = 1) -> None:
    """Global tables with the rows slurmdbd puts there itself; `now` is their creation time, epoch seconds."""
    with connection.cursor() as cursor:
        for statement in statements(release):
            cursor.execute(statement)
        cursor.execute(
            "insert into convert_version_table (mod_time, version) values (%s, %s)",
            (now, releases.conversion_version(release)),
        )
        cursor.executemany(
            "insert into tres_table (creation_time, id, type, name) values (%s, %s, %s, %s)",
            [(now, *tres) for tres in STATIC_TRES],
        )
        cursor.execute(
            "insert into tres_table (creation_time, deleted, id, type) values (%s, 1, %s, 'dynamic_offset')",
            (now, DYNAMIC_OFFSET),
        )
        cursor.execute(
            "insert into qos_table (creation_time, mod_time, name, description)"
            " values (%s, %s, 'normal', 'Normal QOS default')",
            (now, now),
        )
        cursor.execute(
            "insert into user_table (creation_time, mod_time, name, admin_level) values (%s, %s, 'root', 3)", (now, now)
        )
        cursor.execute(
            "insert into acct_table (creation_time, mod_time, name, description, organization)"
            " values (%s, %s, 'root', 'default root account', 'root')",
            (now, now),
        )
    connection.commit()


def create_cluster(connection: pymysql.Connection, release: str, cluster: str, now: int = 1) -> None:
    """A cluster as after `sacctmgr add cluster`: tables, registration fields empty, root account and its user root."""
    assoc = f"`{cluster.replace('`', '``')}_assoc_table`"
    with connection.cursor() as cursor:
        for statement in statements(release, cluster):
            cursor.execute(statement)
        cursor.execute(
            "insert into cluster_table (creation_time, mod_time, name, federation, fed_state) values (%s, %s, %s, '', 0)",
            (now, now, cluster),
        )
        if "id" in columns(release, "cluster_table"):
            number = 2 + zlib.crc32(cluster.encode()) % 4094  # 12 bits, 0 and 1 are reserved
            cursor.execute("update cluster_table set id = %s where name = %s", (number, cluster))
        known = columns(release, "%_assoc_table")
        account = {"acct": "root", "qos": ",1,"}
        user = {"acct": "root", "user": "root", "is_def": 1}
        if "lft" in known:
            account |= {"lft": 1, "rgt": 4}
            user |= {"lft": 2, "rgt": 3}
        if "lineage" in known:
            account |= {"id_parent": 0, "lineage": "/"}
            user |= {"id_parent": 1, "lineage": "/0-root/"}
        for row in (account, user):
            names = ", ".join(f"`{name}`" for name in row)
            marks = ", ".join(["%s"] * len(row))
            cursor.execute(
                f"insert into {assoc} (creation_time, mod_time, {names}) values (%s, %s, {marks})",
                (now, now, *row.values()),
            )
    connection.commit()
