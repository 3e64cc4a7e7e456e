"""How the exporter reaches the database: hosts, sockets, passwords."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.integration.conftest import SECRETS, RunOnce, Start
from tests.integration.database import (
    Accounting,
    GeneralLog,
    connections,
    database_user,
    execute,
    kill_connections,
    root,
    run_jobs,
)
from tests.integration.exporter import PASSWORD_VARIABLE, READABLE, UNREADABLE, flags_for, lines_with
from tests.support.mariadb import PrivateMariaDB, free_port

ODD_PASSWORDS = (
    "#;&?@!%$' \"\\",
    " leading and trailing ",
    "mot de passe : été Ω 密码 🔑",
    "-- /* ${HOME} `id` %s {} \t\x01",
    "x" * 300,
)


def secret_file(folder: Path, password: str, ending: str = "\n") -> Path:
    path = folder / "password"
    path.write_bytes((password + ending).encode())
    path.chmod(0o600)
    return path


def test_over_tcp_and_over_the_socket(steady: Accounting, once: RunOnce) -> None:
    server = steady.server
    for name, flags in (
        ("TCP/IP", flags_for(server)),
        ("Socket", flags_for(server, database__host=None, database__port=None, database__socket=server.socket)),
    ):
        with GeneralLog(server) as seen:
            page = once(flags)
        assert page.code == 0, page.log
        assert page.samples.value("slurmdbd_up") == 1
        assert [text for text in seen.of_kind("Connect") if text.endswith(f"using {name}")], seen.of_kind("Connect")


def test_hosts_are_tried_in_order(steady: Accounting, once: RunOnce) -> None:
    server = steady.server
    dead = f"127.0.0.1:{free_port()}"
    alive = f"127.0.0.1:{server.port}"
    for hosts in ([dead, alive], [alive, dead]):
        page = once(flags_for(server, database__host=hosts))
        assert page.code == 0, page.log
    page = once(flags_for(server, database__host=[dead, f"127.0.0.1:{free_port()}"]))
    assert page.code == 1
    assert page.samples.errors() == {"connect": 1}
    assert lines_with(page.log.splitlines(), UNREADABLE, dead), "the message does not name each host"
    for hosts in ([dead, alive], [alive, dead]):
        page = once(flags_for(server, database__host=hosts), {PASSWORD_VARIABLE: "wrong"})
        assert page.samples.errors() == {"privilege": 1}, "the host that answered knows why"


def test_the_second_host_takes_over(steady: Accounting, tls_server: PrivateMariaDB, start: Start) -> None:
    other = Accounting(tls_server, "elsewhere")
    hosts = [f"127.0.0.1:{tls_server.port}", f"127.0.0.1:{steady.server.port}"]
    exporter = start(flags_for(steady.server, database__host=hosts))
    assert exporter.page().value("slurmdbd_exporter_cluster_success", cluster="elsewhere") == 1
    assert not connections(steady.server)
    other.close()
    tls_server.kill()
    try:
        exporter.wait_for(
            lambda page: page.value("slurmdbd_exporter_cluster_success", cluster="alpha") == 1 and page.success() == 1,
            "the second host to take over",
            10,
        )
        assert len(connections(steady.server)) == 1
    finally:
        tls_server.start()


@pytest.mark.parametrize("way", ["file", "environment", "credential"])
@pytest.mark.parametrize("number", range(len(ODD_PASSWORDS)))
def test_passwords_are_taken_as_they_are(
    steady: Accounting, once: RunOnce, tmp_path: Path, way: str, number: int
) -> None:
    password = ODD_PASSWORDS[number]
    flags, environment = flags_for(steady.server, database__user="odd"), {}
    if way == "file":
        flags["database.password-file"] = secret_file(tmp_path, password)
    elif way == "environment":
        environment = {PASSWORD_VARIABLE: password}
    else:
        secret_file(tmp_path, password, "").rename(tmp_path / "database-password")
        environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    with database_user(steady.server, "odd", password):
        page = once(flags, environment)
    assert page.code == 0, page.log
    assert password.strip() not in page.log


def test_the_file_goes_before_the_environment(steady: Accounting, once: RunOnce, tmp_path: Path) -> None:
    right, wrong = SECRETS[PASSWORD_VARIABLE], "wrong"
    flags = flags_for(steady.server, database__password_file=secret_file(tmp_path, right, "\r\n"))
    assert once(flags, {PASSWORD_VARIABLE: wrong}).code == 0
    flags["database.password-file"] = secret_file(tmp_path, wrong)
    assert once(flags, {PASSWORD_VARIABLE: right}).code == 1


@pytest.mark.parametrize("secret", ["hunter2-but-wrong", ""])
def test_a_wrong_password_is_told_without_telling_it(steady: Accounting, start: Start, secret: str) -> None:
    exporter = start(flags_for(steady.server), {PASSWORD_VARIABLE: secret}, polled=False)
    page = exporter.wait_for(lambda page: page.errors().get("privilege", 0) > 1, "two failures of reason privilege")
    assert page.errors().keys() == {"privilege"}
    assert page.value("slurmdbd_up") == 0
    failures = lines_with(exporter.log(), UNREADABLE)
    assert len(failures) == 1, "logged more than once"
    assert all("reason=privilege" in line and "1045" in line for line in failures)
    assert not secret or not lines_with(exporter.log(), secret)


def test_the_password_changes_while_it_runs(steady: Accounting, start: Start, tmp_path: Path) -> None:
    server = steady.server
    file = secret_file(tmp_path, "old-password")
    with database_user(server, "rotated", "old-password") as user:
        exporter = start(flags_for(server, database__user=user, database__password_file=file), {})
        with root(server) as cursor:
            cursor.execute("alter user rotated@'127.0.0.1' identified by 'new-password'")
        # The open connection goes on.
        assert exporter.wait_for_polls(2).success() == 1
        kill_connections(server, user)
        page = exporter.wait_for(lambda page: page.errors(), "the old password to be refused")
        assert page.errors().keys() == {"privilege"}
        secret_file(tmp_path, "new-password")
        exporter.wait_for(lambda page: page.success() == 1 and page.value("slurmdbd_up") == 1, "the new password", 10)
        assert not lines_with(exporter.log(), "-password")  # neither of them
        # And the other way round: first the file, as a careful administrator does it.
        secret_file(tmp_path, "third")
        with root(server) as cursor:
            cursor.execute("alter user rotated@'127.0.0.1' identified by 'third'")
        errors = exporter.page().errors()
        kill_connections(server, user)
        assert exporter.wait_for_polls(2).errors() == errors


def test_a_password_file_that_goes_away_is_told(steady: Accounting, start: Start, tmp_path: Path) -> None:
    file = secret_file(tmp_path, SECRETS[PASSWORD_VARIABLE])
    exporter = start(flags_for(steady.server, database__password_file=file), {})
    file.rename(tmp_path / "elsewhere")
    kill_connections(steady.server)
    page = exporter.wait_for(lambda page: page.success() == 0, "the missing file to be noticed")
    assert page.value("slurmdbd_up") == 0
    assert lines_with(exporter.log(), UNREADABLE, str(file))
    os.rename(tmp_path / "elsewhere", file)
    exporter.wait_for(lambda page: page.success() == 1, "recovery", 10)


def test_it_starts_before_the_database(tls_server: PrivateMariaDB, start: Start) -> None:
    accounting = Accounting(tls_server)
    run_jobs(accounting.writers["alpha"])
    accounting.close()
    tls_server.stop()
    began = time.time()
    exporter = start(flags_for(tls_server), polled=False)
    page = exporter.wait_for(lambda page: page.errors().get("connect", 0) > 1, "two failed attempts")
    assert page.value("slurmdbd_up") == 0
    assert page.last_success() == 0
    assert not page.clusters()
    tls_server.start()
    page = exporter.wait_for(lambda page: page.value("slurmdbd_up") == 1 and page.success() == 1, "the database", 10)
    assert page.last_success() > began
    assert page.value("slurmdbd_jobs", state="running") == 1
    assert lines_with(exporter.log(), READABLE)


def test_an_unknown_database_is_told(steady: Accounting, once: RunOnce) -> None:
    execute(steady.server, "grant select on nosuch.* to slurmdbd_exporter@'127.0.0.1'")
    try:
        page = once(flags_for(steady.server, database__name="nosuch"))
    finally:
        execute(steady.server, "revoke select on nosuch.* from slurmdbd_exporter@'127.0.0.1'")
    assert page.code == 1
    assert page.samples.errors() == {"schema": 1}
    assert lines_with(page.log.splitlines(), "nosuch")
