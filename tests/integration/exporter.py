"""The exporter as a process of a test: serving, or run once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.servers import exporter_binary, rfc3339
from tests.integration.samples import Samples
from tests.support.mariadb import PrivateMariaDB, free_port
from tests.support.slurm import die_with_parent

PASSWORD_VARIABLE = "SLURMDBD_EXPORTER_DATABASE_PASSWORD"
COLLECTORS = ("audit", "cluster", "consumption", "efficiency", "jobs", "nodes", "outcomes", "quota", "reservations", "storage", "usage", "users")
# What can be told of the past; "cost" needs a price book.
BACKFILLED = ("audit", "cluster", "consumption", "cost", "efficiency", "jobs", "nodes", "outcomes", "usage", "users")
# Of these what is a state of the present alone.
NOT_OF_THE_PAST = (
    "slurmdbd_administrator_info", "slurmdbd_administrators", "slurmdbd_database_clock_skew_seconds", "slurmdbd_oldest_record_timestamp_seconds",
    "slurmdbd_rollup_pending_since_timestamp_seconds", "slurmdbd_runaway_jobs", "slurmdbd_usage_discrepancy_tres_seconds", "slurmdbd_usage_gap_seconds",
)  # fmt: skip
PRICES = {"cost.price-book": Path(__file__).with_name("price_book.yml")}
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
DAY = 86_400
Flags = Mapping[str, object]


@dataclass(frozen=True)
class Once:
    """What a run with --once left behind."""

    code: int
    text: str
    log: str

    @property
    def samples(self) -> Samples:
        return Samples.parse(self.text)


def flags_for(server: PrivateMariaDB, **changes: object) -> dict[str, object]:
    """Flags to read a server's database over TCP, fast enough for a test. None as a value leaves a flag out.

    In names, __ stands for a dot and _ for a dash: poll__interval.
    """
    flags: dict[str, object] = {
        "database.host": "127.0.0.1",
        "database.port": server.port,
        "database.name": server.database,
        "database.user": "slurmdbd_exporter",
        "timezone": "UTC",
        "counter.epoch": rfc3339(int(time.time()) - 2 * DAY),
        "counter.settle": "0s",
        "poll.interval": "1s",
        "quota.decay-half-life": "0",  # so that pages of different moments can be compared
        "log.level": "debug",
    }
    flags |= {name.replace("__", ".").replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in flags.items() if value is not None}


def command_line(flags: Flags) -> list[str]:
    """A list as a value repeats the flag."""
    command = [str(exporter_binary())]
    for name, value in flags.items():
        command += [f"--{name}={one}" for one in (value if isinstance(value, (list, tuple)) else [value])]
    return command


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what would tell the exporter a password, and with something more."""
    kept = {name: value for name, value in os.environ.items() if name not in (PASSWORD_VARIABLE, "CREDENTIALS_DIRECTORY")}
    return kept | dict(more)


def only(*collectors: str) -> dict[str, object]:
    """These collectors and no others."""
    return {f"collector.{name}": str(name in collectors).lower() for name in (*COLLECTORS, "cost")}


def page_of_the_past(flags: Flags, environment: Mapping[str, str], moment: int) -> Samples:
    """What --once --as-of shows of all that can be told of the past."""
    done = run_once(dict(flags) | PRICES | only(*BACKFILLED) | {"as-of": moment}, environment)
    assert done.code == 0, done.log
    return Samples({key: value for key, value in done.samples.values.items() if key[0] not in NOT_OF_THE_PAST})


def run_once(flags: Flags, environment: Mapping[str, str]) -> Once:
    """One page, on stdout."""
    done = subprocess.run(
        [*command_line(flags), "--once"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env=environment_with(environment),
    )
    return Once(done.returncode, done.stdout.decode(), done.stderr.decode())


def backfill_command(flags: Flags) -> list[str]:
    binary, *others = command_line(flags)
    return [binary, "backfill", *others]


def run_backfill(flags: Flags, environment: Mapping[str, str]) -> Once:
    """The command backfill; what flags_for() sets for polls is no flag of it, but does no harm."""
    done = subprocess.run(
        backfill_command(flags), stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env=environment_with(environment)
    )
    return Once(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_report(name: str, flags: Flags, environment: Mapping[str, str]) -> Any:
    """A report as JSON has it; the flags have to ask for that."""
    binary, *others = command_line(flags)
    done = subprocess.run([binary, "report", name, *others], capture_output=True, timeout=120, env=environment_with(environment))
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


class Exporter:
    """A serving exporter on a free port of this machine. start() may be called again after stop() or kill()."""

    def __init__(self, folder: Path, flags: Flags, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        self.flags = dict(flags) | {"web.listen-address": f"127.0.0.1:{self.port}"}
        self.environment = dict(environment)
        self.log_file = folder / f"exporter-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts the process and does not wait for anything."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command_line(self.flags),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment_with(self.environment),
                preexec_fn=die_with_parent,
            )
        return self._process

    def start(self, *, polled: bool = True) -> Exporter:
        """Starts and waits until it answers and, unless told otherwise, has read the database once."""
        self.launch()
        self.wait_for(lambda page: not polled or page.value("slurmdbd_up") == 1, "the first poll")
        return self

    def fetch(self, accept: str = "text/plain", query: str = "", timeout: float = 10) -> tuple[int, str]:
        """Status and body of a request for the page."""
        request = urllib.request.Request(self.url + query, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def page(self) -> Samples:
        status, text = self.fetch()
        assert status == 200, text
        return Samples.parse(text)

    def wait_for(self, condition: Callable[[Samples], object], what: str, seconds: float = 20) -> Samples:
        """The first page for which the condition holds."""
        deadline = time.monotonic() + seconds
        page: Samples | None = None
        while time.monotonic() < deadline:
            assert self._process is not None and self._process.poll() is None, f"the exporter is gone:\n{self.tail()}"
            try:
                page = self.page()
                if condition(page):
                    return page
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(0.03)
        shown = "no page" if page is None else page.state()
        raise AssertionError(f"waited {seconds:g} s in vain for {what}; {shown}\n{self.tail()}")

    def wait_for_polls(self, count: int = 1, seconds: float = 20) -> Samples:
        """Waits until so many more polls are over, whatever came of them."""
        before = self.page().marker()
        for _ in range(count):
            page = self.wait_for(lambda page: page.marker() != before, "another poll", seconds)
            before = page.marker()
        return page

    def log(self, since: int = 0) -> list[str]:
        """Log lines from a byte of the log file on."""
        return self.log_file.read_bytes()[since:].decode(errors="replace").splitlines()

    def log_size(self) -> int:
        return self.log_file.stat().st_size

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log()[-lines:])

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, seconds: float = 10) -> tuple[int, float]:
        """SIGTERM; the exit code and the seconds it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM does not end the exporter within {seconds:g} s:\n{self.tail()}") from None
        self._process = None
        return code, time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


# How the log begins and ends trouble with the database as a whole, once for all collectors.
UNREADABLE = "the database cannot be read"
READABLE = "the database can be read again"


def lines_with(log: Iterable[str], *parts: str) -> list[str]:
    """The lines that have all these parts in them."""
    return [line for line in log if all(part in line for part in parts)]
