"""The table descriptions: they create in every release, and equal another description if one is given.

SLURM_SCHEMAS names a folder of files RELEASE.sql with the CREATE TABLE statements of each release's slurmdbd; its
cluster tables are prefixed CLUSTER_.
"""

from __future__ import annotations

import os
from pathlib import Path

import pymysql
import pytest

from tests.support import releases, schema
from tests.support.mariadb import PrivateMariaDB

SCHEMAS = os.environ.get("SLURM_SCHEMAS", "")

COLUMNS = """select table_name, ordinal_position, column_name, column_type, is_nullable, column_default, extra
from information_schema.columns where table_schema = database() and table_name not like 'summit%%' order by 1, 2"""
INDEXES = """select table_name, index_name, seq_in_index, non_unique, column_name, sub_part
from information_schema.statistics where table_schema = database() and table_name not like 'summit%%' order by 1, 2, 3"""


def _shape(connection: pymysql.Connection) -> tuple[list[tuple], list[tuple]]:
    """All columns and all index parts of the current database."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        found = list(cursor.fetchall())
        cursor.execute(INDEXES)
        return found, list(cursor.fetchall())


@pytest.mark.parametrize("release", releases.RELEASES)
def test_every_release_creates(database: PrivateMariaDB, release: str) -> None:
    connection = database.connect()
    schema.create_database(connection, release)
    schema.create_cluster(connection, release, "alpine")
    schema.create_cluster(connection, release, "summit-gpu")
    cursor = connection.cursor()
    cursor.execute("select id, type, name from tres_table where deleted = 0 order by id")
    assert cursor.fetchall() == schema.STATIC_TRES
    cursor.execute("insert into tres_table (creation_time, type, name) values (1, 'gres', 'gpu')")
    assert cursor.lastrowid == 1001
    cursor.execute("select acct, user from `summit-gpu_assoc_table` order by id_assoc")
    assert cursor.fetchall() == (("root", ""), ("root", "root"))
    cursor.execute("show tables")
    assert len(cursor.fetchall()) == sum(len(schema.statements(release, c)) for c in (None, "alpine", "summit-gpu"))


def test_what_came_and_went() -> None:
    assert "lft" in schema.columns("24.11", "%_assoc_table")
    assert "lft" not in schema.columns("25.05", "%_assoc_table")
    assert "batch_script" in schema.columns("21.08", "%_job_table")
    assert "batch_script" not in schema.columns("22.05", "%_job_table")
    assert schema.columns("24.05", "%_qos_usage_hour_table") == frozenset()
    with pytest.raises(ValueError, match="unknown Slurm release"):
        schema.statements("19.05")


@pytest.mark.skipif(not SCHEMAS, reason="SLURM_SCHEMAS names no folder of slurmdbd's CREATE TABLE statements to compare with")
@pytest.mark.parametrize("release", releases.RELEASES)
def test_equals_the_other_description(database: PrivateMariaDB, release: str, capsys: pytest.CaptureFixture[str]) -> None:
    connection = database.connect()
    statements = (Path(SCHEMAS) / f"{release}.sql").read_text(encoding="utf-8").replace("CLUSTER_", "alpine_").split(";\n")
    with connection.cursor() as cursor:
        for statement in statements:
            body = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
            if body.strip():
                cursor.execute(body)
    theirs = _shape(connection)
    database.reset_database()
    connection = database.connect()
    schema.create_database(connection, release)
    schema.create_cluster(connection, release, "alpine")
    ours = _shape(connection)
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    tables = len({row[0] for row in ours[0]})
    with capsys.disabled():
        print(f"\n{release}: {tables} tables, {len(ours[0])} columns, {len(ours[1])} index parts equal", end="")
