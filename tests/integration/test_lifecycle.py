"""Signals: reloading the configuration, and leaving in time whatever the database does."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.integration.database import Accounting, run_jobs
from tests.integration.exporter import Exporter, flags_for, lines_with
from tests.integration.scraper import Scraper, fallen
from tests.integration.test_counters import pages_of
from tests.support.mariadb import PrivateMariaDB

LOADED = "slurmdbd_exporter_config_last_reload_successful"
INTERVAL = "slurmdbd_exporter_poll_interval_seconds"
SECONDS_TO_LEAVE = 3.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yml"
    file.write_text("poll: {interval: 1s}\n")
    return file


def test_reload(steady: Accounting, start: Start, config: Path) -> None:
    exporter = start(flags_for(steady.server, poll__interval=None) | {"config.file": config})
    page = exporter.wait_for(lambda page: page.clusters(), "a poll")
    assert (page.value(LOADED), page.value(INTERVAL)) == (1, 1)
    with Scraper(exporter, keep=True) as scraper:
        config.write_text("poll: {interval: 2s}\n")
        exporter.send(signal.SIGHUP)
        page = exporter.wait_for(lambda page: page.value(INTERVAL) == 2, "the new interval", 5)
        assert page.value(LOADED) == 1

        for wrong, named in (("poll: {intervall: 3s}\n", "intervall"), ("poll: [\n", str(config)), ("counter: {epoch: soon}\n", "soon")):
            config.write_text(wrong)
            exporter.send(signal.SIGHUP)
            page = exporter.wait_for(lambda page: page.value(LOADED) == 0, "the refusal", 5)
            assert page.value(INTERVAL) == 2
            assert lines_with(exporter.log(), "level=ERROR", named)
            config.write_text("poll: {interval: 2s}\n")
            exporter.send(signal.SIGHUP)
            exporter.wait_for(lambda page: page.value(LOADED) == 1, "the right file", 5)
        config.write_text("nonsense: 1\n")
        exporter.send(signal.SIGHUP)
        exporter.wait_for(lambda page: page.value(LOADED) == 0, "the refusal", 5)
        assert exporter.wait_for_polls(1).success() == 1, "it does not go on"

        config.write_text("poll: {interval: 1s}\n")
        exporter.send(signal.SIGHUP)
        exporter.wait_for(lambda page: (page.value(LOADED), page.value(INTERVAL)) == (1, 1), "the right file again", 5)
    scraper.check("reload")
    pages = pages_of(scraper)
    assert fallen(pages) == []
    seen = pages.index(next(page for page in pages if page.clusters()))
    assert all(page.clusters() == {"alpha"} for page in pages[seen:]), "metrics were missing around a reload"


def test_reload_while_the_database_is_away(tls_server: PrivateMariaDB, start: Start, config: Path) -> None:
    accounting = Accounting(tls_server)
    run_jobs(accounting.writers["alpha"])
    accounting.close()
    exporter = start(flags_for(tls_server, poll__interval=None) | {"config.file": config})
    with frozen(tls_server), Scraper(exporter) as scraper:
        time.sleep(1.2)  # a statement hangs
        config.write_text("poll: {interval: 2s}\n")
        exporter.send(signal.SIGHUP)
        exporter.wait_for(lambda page: page.value(INTERVAL) == 2, "the new interval", 8)
    scraper.check("reload of a frozen database")
    exporter.wait_for(lambda page: page.success() == 1, "recovery", 15)


@contextmanager
def frozen(server: PrivateMariaDB) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


def leave(exporter: Exporter, number: signal.Signals = signal.SIGTERM) -> None:
    if number != signal.SIGTERM:
        exporter.send(number)
    code, seconds = exporter.stop(SECONDS_TO_LEAVE + 1)
    print(f"\nleft after {seconds:.2f} s")
    assert code == 0
    assert seconds < SECONDS_TO_LEAVE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leaves(steady: Accounting, start: Start, number: signal.Signals) -> None:
    leave(start(flags_for(steady.server)), number)


@pytest.mark.parametrize("delay", [0.0, 1.3])
def test_it_leaves_a_frozen_database(steady: Accounting, start: Start, delay: float) -> None:
    exporter = start(flags_for(steady.server))
    with frozen(steady.server):
        time.sleep(delay)  # long enough for a statement to hang
        leave(exporter)


def test_it_leaves_while_it_connects_to_a_frozen_database(steady: Accounting, start: Start) -> None:
    with frozen(steady.server):
        exporter = start(flags_for(steady.server, database__connect_timeout="30s"), polled=False)
        time.sleep(0.3)
        leave(exporter)


@pytest.mark.parametrize("host", ["192.0.2.1", "127.0.0.1:1", "no-such-host.invalid"])
def test_it_leaves_an_unreachable_database(steady: Accounting, start: Start, host: str) -> None:
    exporter = start(flags_for(steady.server, database__host=[host, host + "0"], database__connect_timeout="30s"), polled=False)
    time.sleep(0.3)
    leave(exporter)


def test_it_leaves_in_the_middle_of_a_reload(steady: Accounting, start: Start) -> None:
    """A reload waits for the poll under way; who wants to leave does not wait for the reload."""
    with frozen(steady.server):
        exporter = start(flags_for(steady.server, database__connect_timeout="30s"), polled=False)
        time.sleep(0.3)
        exporter.send(signal.SIGHUP)
        time.sleep(0.2)
        leave(exporter)


def test_it_serves_while_it_connects(steady: Accounting, start: Start) -> None:
    with frozen(steady.server):
        exporter = start(flags_for(steady.server, database__connect_timeout="1s"), polled=False)
        with Scraper(exporter) as scraper:
            page = exporter.wait_for(lambda page: page.errors(), "a failed attempt")
        scraper.check("connecting to a frozen database")
        assert page.value("slurmdbd_up") == 0
        assert page.errors().keys() <= {"connect", "lost", "timeout"}
    exporter.wait_for(lambda page: page.success() == 1, "recovery", 15)
