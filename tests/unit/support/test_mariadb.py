"""PrivateMariaDB: starts, keeps rights apart, survives a crash, leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pymysql
import pytest

from tests.support.mariadb import MariaDBError, PrivateMariaDB

ROOT = Path(__file__).resolve().parents[3]


def test_reader_may_only_read(database: PrivateMariaDB) -> None:
    database.execute_script("create table t (n int);\ninsert into t values (1);\n")
    reader = database.connect("slurmdbd_exporter", tcp=True).cursor()
    reader.execute("select n from t")
    assert reader.fetchall() == ((1,),)
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        reader.execute("insert into t values (2)")


def test_nobody_gets_in_without_a_name(server: PrivateMariaDB) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        server.connect("stranger", database=None)


def test_crash_and_restart_keep_data() -> None:
    with PrivateMariaDB() as server:
        server.execute_script("create table t (n int);\ninsert into t values (7);\n")
        first = server.pid
        server.stop()
        server.start()
        assert server.pid != first
        server.kill()
        with pytest.raises(MariaDBError):
            _ = server.pid
        server.start()
        cursor = server.connect().cursor()
        cursor.execute("select n from t")
        assert cursor.fetchall() == ((7,),)


def test_frozen_server_does_not_answer_until_thawed() -> None:
    with PrivateMariaDB() as server:
        connection = server.connect(read_timeout=2)
        server.freeze()
        with pytest.raises(pymysql.err.OperationalError):
            connection.cursor().execute("select 1")
        server.thaw()
        server.connect().cursor().execute("select 1")
        server.freeze()  # closing a frozen server must work too


def test_folder_and_process_are_gone_afterwards() -> None:
    with PrivateMariaDB() as server:
        pid, folder = server.pid, server.folder
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_tls_can_be_verified(tmp_path: Path) -> None:
    with PrivateMariaDB(tmp_path / "db", tls=True) as server:
        assert server.authority
        context = ssl.create_default_context(cafile=str(server.authority.ca))
        cursor = server.connect(tcp=True, ssl=context).cursor()
        cursor.execute("show status like 'Ssl_cipher'")
        row = cursor.fetchone()
        assert row and row[1]


def test_failure_shows_the_log() -> None:
    with pytest.raises(MariaDBError, match="no-such-option"):
        with PrivateMariaDB(options=["no-such-option=1"]):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_command_line_takes_the_server_along(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.support.mariadb", "run", "--dir", str(tmp_path / "db")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        settings = json.loads(process.stdout.readline())
        assert Path(settings["socket"]).exists()
        process.send_signal(number)
        process.wait(20)
    for _ in range(200):
        if not Path(f"/proc/{settings['pid']}/status").exists():
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("mariadbd is still running")
