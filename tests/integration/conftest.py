"""Fixtures of the integration tests: servers, databases, and exporters that are gone when the test is over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.e2e.servers import exporter_binary  # noqa: E402
from tests.integration.database import Accounting, run_jobs  # noqa: E402
from tests.integration.exporter import PASSWORD_VARIABLE, Exporter, Flags, Once, flags_for, run_once  # noqa: E402
from tests.integration.releases import Released  # noqa: E402
from tests.integration.releases import create as create_releases  # noqa: E402
from tests.integration.releases import drop as drop_releases  # noqa: E402
from tests.support.mariadb import PASSWORDS, PrivateMariaDB  # noqa: E402

SECRETS = {PASSWORD_VARIABLE: PASSWORDS["slurmdbd_exporter"]}
Start = Callable[..., Exporter]
RunOnce = Callable[..., Once]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what cannot be run here."""
    binary = exporter_binary()
    reason = "no exporter: build it, or name it in SLURMDBD_EXPORTER" if binary is None or not binary.exists() else ""
    missing = [program for program in ("mariadbd", "promtool") if not shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin")]
    if missing:
        reason = f"{', '.join(missing)} not installed (deploy/packages.sh test)"
    for item in items:
        if reason and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateMariaDB]:
    """The server most tests share. Who breaks it repairs it."""
    with PrivateMariaDB() as running:
        yield running


@pytest.fixture(scope="session")
def tls_server() -> Iterator[PrivateMariaDB]:
    """A second server, with TLS, and with performance_schema to see what clients tell of themselves."""
    with PrivateMariaDB(tls=True, options=["performance-schema=ON"]) as running:
        yield running


@pytest.fixture
def accounting(server: PrivateMariaDB) -> Iterator[Accounting]:
    """A fresh database of the newest release with the cluster alpha, on the shared server."""
    made = Accounting(server)
    yield made
    made.close()


@pytest.fixture(scope="module")
def steady(server: PrivateMariaDB) -> Iterator[Accounting]:
    """Like `accounting`, for modules whose tests leave the tables alone. Never both in one module."""
    made = Accounting(server)
    run_jobs(made.writers["alpha"], 3)
    yield made
    made.close()


@pytest.fixture
def cleared(steady: Accounting) -> Accounting:
    """The module's database without jobs, for tests that leave the tables' columns alone."""
    steady.clear()
    return steady


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(flags, environment=..., polled=...): a serving exporter. No secret may be in its log, ever."""
    started: list[Exporter] = []

    def run(flags: Flags, environment: Mapping[str, str] = SECRETS, *, polled: bool = True) -> Exporter:
        exporter = Exporter(tmp_path, flags, environment)
        started.append(exporter)
        return exporter.start(polled=polled)

    yield run
    for exporter in started:
        exporter.kill()
        log = exporter.log_file.read_text(errors="replace")
        for secret in PASSWORDS.values():
            assert secret not in log, "a password is in the log"


@pytest.fixture
def once() -> RunOnce:
    """once(flags, environment=...): a page of --once."""

    def run(flags: Flags, environment: Mapping[str, str] = SECRETS) -> Once:
        return run_once(flags, environment)

    return run


@pytest.fixture
def serving(accounting: Accounting, start: Start) -> Exporter:
    """An exporter that serves the fresh database."""
    return start(flags_for(accounting.server))


@pytest.fixture(scope="session")
def released(server: PrivateMariaDB) -> Iterator[dict[str, Released]]:
    """The same history in the tables of every release."""
    made = create_releases(server)
    yield made
    drop_releases(made)
