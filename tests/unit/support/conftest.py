"""Fixtures for the tests of tests/support: a private MariaDB for the whole run, a fresh database per test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.support.mariadb import PrivateMariaDB  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateMariaDB]:
    with PrivateMariaDB() as running:
        yield running


@pytest.fixture
def database(server: PrivateMariaDB) -> Iterator[PrivateMariaDB]:
    """The server with an empty slurm_acct_db."""
    server.reset_database()
    yield server
