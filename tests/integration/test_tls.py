"""TLS: verified or refused, and never a silent fall-back to plain text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import RunOnce, Start
from tests.integration.database import Accounting, GeneralLog, connections, database_user, execute, kill_connections, query
from tests.integration.exporter import UNREADABLE, Once, flags_for, lines_with
from tests.support import certificates
from tests.support.mariadb import PrivateMariaDB


@pytest.fixture(scope="module")
def secure(tls_server: PrivateMariaDB) -> Iterator[PrivateMariaDB]:
    """The server with TLS and a database on it."""
    accounting = Accounting(tls_server)
    yield tls_server
    accounting.close()


def tls_flags(server: PrivateMariaDB, **more: object) -> dict[str, object]:
    assert server.authority is not None
    return flags_for(server, database__tls="true") | {"database.tls-ca": server.authority.ca} | more


@contextmanager
def presenting(server: PrivateMariaDB, other: certificates.Certificates) -> Iterator[None]:
    """The server shows other certificates for a while."""
    assert server.authority is not None
    own = [(path, path.read_bytes()) for path in (server.authority.certificate, server.authority.key)]
    try:
        server.authority.certificate.write_bytes(other.certificate.read_bytes())
        server.authority.key.write_bytes(other.key.read_bytes())
        execute(server, "flush ssl")
        yield
    finally:
        for path, content in own:
            path.write_bytes(content)
        execute(server, "flush ssl")


def check_refused(server: PrivateMariaDB, page: Once, seen: GeneralLog, *parts: str) -> None:
    """Nothing was asked of the server, and the page and the log tell why."""
    assert page.code == 1
    assert page.samples.value("slurmdbd_up") == 0
    assert page.samples.errors() == {"connect": 1}
    assert lines_with(page.log.splitlines(), UNREADABLE, *parts), page.log
    assert not [entry for entry in seen.entries() if entry.kind in ("Query", "Prepare", "Execute")]


def test_a_verified_server(secure: PrivateMariaDB, start: Start) -> None:
    with GeneralLog(secure) as seen:
        exporter = start(tls_flags(secure))
        assert exporter.wait_for_polls().success() == 1
    (greeting,) = seen.of_kind("Connect")
    assert greeting.endswith("using SSL/TLS")
    cipher = query(
        secure,
        "select variable_value from performance_schema.status_by_thread s"
        " join performance_schema.threads t using (thread_id)"
        " where t.processlist_user = 'slurmdbd_exporter' and s.variable_name = 'Ssl_cipher'",
    )
    assert len(cipher) == 1 and cipher[0][0], cipher


def test_a_verified_server_by_name(secure: PrivateMariaDB, once: RunOnce) -> None:
    page = once(tls_flags(secure) | {"database.host": "localhost"})
    assert page.code == 0, page.log


def test_an_unknown_authority_is_refused(secure: PrivateMariaDB, once: RunOnce, tmp_path: Path) -> None:
    stranger = certificates.create(tmp_path / "stranger")
    with GeneralLog(secure) as seen:
        page = once(tls_flags(secure) | {"database.tls-ca": stranger.ca})
    check_refused(secure, page, seen, "certificate")
    assert not seen.of_kind("Connect")


def test_the_systems_authorities_do_not_know_ours(secure: PrivateMariaDB, once: RunOnce) -> None:
    with GeneralLog(secure) as seen:
        page = once(flags_for(secure, database__tls="true"))
    check_refused(secure, page, seen)
    assert not seen.of_kind("Connect")


def test_a_certificate_for_another_name_is_refused(secure: PrivateMariaDB, once: RunOnce, tmp_path: Path) -> None:
    other = certificates.create(tmp_path / "other", names="DNS:db.example.org")
    flags = tls_flags(secure) | {"database.tls-ca": other.ca}
    with presenting(secure, other):
        for host in ("127.0.0.1", "localhost"):
            with GeneralLog(secure) as seen:
                page = once(flags | {"database.host": host})
            check_refused(secure, page, seen)
            assert not seen.of_kind("Connect")


def test_skipping_verification_takes_any_certificate(secure: PrivateMariaDB, once: RunOnce, tmp_path: Path) -> None:
    other = certificates.create(tmp_path / "other", names="DNS:db.example.org")
    with presenting(secure, other), GeneralLog(secure) as seen:
        page = once(flags_for(secure, database__tls="true") | {"database.tls-skip-verify": "true"})
    assert page.code == 0, page.log
    (greeting,) = seen.of_kind("Connect")
    assert greeting.endswith("using SSL/TLS")


@pytest.mark.parametrize("skip_verify", ["false", "true"])
def test_a_server_without_tls_is_refused(server: PrivateMariaDB, secure: PrivateMariaDB, once: RunOnce, skip_verify: str) -> None:
    assert query(server, "select @@have_ssl") == [("DISABLED",)]
    flags = tls_flags(secure) | {"database.port": server.port, "database.tls-skip-verify": skip_verify}
    with GeneralLog(server) as seen:
        page = once(flags)
    check_refused(server, page, seen, "TLS" if skip_verify == "true" else "SSL")
    assert not connections(server)
    if skip_verify == "false":
        assert not seen.of_kind("Connect"), "the password was shown to a server without TLS"


def test_a_server_that_insists_on_tls(secure: PrivateMariaDB, once: RunOnce) -> None:
    """MariaDB calls it access denied (1045), MySQL has an error of its own (3159)."""
    execute(secure, "set global require_secure_transport = 1")
    try:
        refused, accepted = once(flags_for(secure)), once(tls_flags(secure))
    finally:
        execute(secure, "set global require_secure_transport = 0")
    assert accepted.code == 0, accepted.log
    assert refused.code == 1
    assert refused.samples.errors() == {"privilege": 1}
    assert lines_with(refused.log.splitlines(), UNREADABLE, "error 1045"), refused.log


def test_a_user_that_must_use_tls(secure: PrivateMariaDB, once: RunOnce) -> None:
    with database_user(secure, "careful", "exporter-secret", require="require ssl") as user:
        refused = once(flags_for(secure, database__user=user))
        accepted = once(tls_flags(secure) | {"database.user": user})
    assert accepted.code == 0, accepted.log
    assert refused.code == 1
    assert refused.samples.errors() == {"privilege": 1}


def test_a_cut_idle_connection_costs_no_poll(secure: PrivateMariaDB, start: Start) -> None:
    exporter = start(tls_flags(secure))
    for _ in range(2):
        exporter.wait_for_polls()
        assert kill_connections(secure) == 1
        page = exporter.wait_for_polls()
        assert not page.errors(), exporter.tail()
        assert page.success() == 1
