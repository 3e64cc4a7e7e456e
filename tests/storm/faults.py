"""The database fails in the ways that last, under an exporter that is scraped all the time and never restarted.

    python3 -m tests.storm.faults           # frozen for 15 s
    python3 -m tests.storm.faults --long    # for two minutes

The short faults, with all they may say, are in tests/integration/test_faults.py. Here are those that take time to make: killed in
the middle of a poll's statement, frozen, and a real ALTER TABLE of a job table. A second server is named and down. Every scrape has to be
answered 200 at once; slurmdbd_up, success and the reasons have to tell the truth; all has to recover by itself, with counters
that never fell and equal a fresh count. Prints a table. Exit code 77: it cannot be run here.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.e2e.servers import exporter_binary, rfc3339
from tests.integration.database import Accounting, query
from tests.integration.exporter import DAY, PASSWORD_VARIABLE, Exporter, flags_for, run_once
from tests.integration.history import bulk
from tests.integration.samples import Samples, differences
from tests.integration.scraper import LONGEST_SCRAPE, Scraper, fallen, vanished
from tests.support.mariadb import PASSWORDS, PrivateMariaDB
from tests.support.slurm import wait_until

SECRETS = {PASSWORD_VARIABLE: PASSWORDS["slurmdbd_exporter"]}
JOBS = 60_000


@dataclass
class Row:
    """What one fault did."""

    name: str
    seconds: float
    scrapes: int
    not_200: int
    times: list[float]
    up: set[float]
    reasons: set[str]
    recovery: float
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        times = sorted(self.times)
        median, p99 = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
        up = "/".join(f"{value:.0f}" for value in sorted(self.up))
        cells = [self.name, f"{self.seconds:.0f}", str(self.scrapes), str(self.not_200), f"{median:.1f}", f"{p99:.1f}", f"{times[-1] * 1e3:.1f}"]
        return "| " + " | ".join([*cells, up, ", ".join(sorted(self.reasons)), f"{self.recovery:.1f}"]) + " |"


@contextmanager
def frozen(server: PrivateMariaDB, seconds: float) -> Iterator[None]:
    server.freeze()
    try:
        time.sleep(seconds)
        yield
    finally:
        server.thaw()


@contextmanager
def killed_mid_poll(server: PrivateMariaDB) -> Iterator[None]:
    """A table lock makes a statement of the poll last; then the server is gone under it."""
    holder = server.connect()
    holder.cursor().execute("lock tables alpha_job_table write")
    watching = "select count(*) from information_schema.processlist where user = 'slurmdbd_exporter' and info like '%job_table%'"
    wait_until(lambda: query(server, watching)[0][0], "a statement of a poll", 10, 0.01)
    server.kill()
    holder.close()
    try:
        time.sleep(5)
        yield
    finally:
        server.start()


@contextmanager
def altered(server: PrivateMariaDB, seconds: float) -> Iterator[None]:
    """An ALTER that rebuilds the table, waiting as slurmdbd's would for a reader that is in its way, and then working."""
    reader = server.connect()
    reader.begin()
    reader.cursor().execute("select count(*) from alpha_job_table")
    altering = server.connect()
    statement = "alter table alpha_job_table add column extra_text text, algorithm=copy"
    thread = threading.Thread(target=lambda: altering.cursor().execute(statement))
    thread.start()
    waiting = "select count(*) from information_schema.processlist where state like 'Waiting for table metadata%' and info like 'alter%'"
    wait_until(lambda: query(server, waiting)[0][0], "the ALTER to wait for its reader", 60)
    try:
        time.sleep(seconds)
        yield
    finally:
        reader.close()
        thread.join()
        altering.cursor().execute("alter table alpha_job_table drop column extra_text, algorithm=copy")
        altering.close()


class Trial:
    """An exporter with a database, and the table of what happened to them."""

    def __init__(self, folder: pathlib.Path, accounting: Accounting, spare: PrivateMariaDB) -> None:
        self.rows: list[Row] = []
        self.flags = flags_for(
            accounting.server, counter__epoch=rfc3339(int(time.time()) - 40 * DAY), state__directory=str(folder),
            database__query_timeout="2s", database__lock_wait_timeout="2s", database__connect_timeout="2s", database__port=None,
        ) | {"database.host": [f"127.0.0.1:{accounting.server.port}", f"127.0.0.1:{spare.port}"]}  # fmt: skip
        self.exporter = Exporter(folder, self.flags, SECRETS).start()

    def run(self, name: str, fault: Callable[[], contextlib.AbstractContextManager[None]], *, up: set[float], reasons: set[str]) -> None:
        """`up`: what slurmdbd_up has to be while the fault lasts; `reasons`: what may be told, one of them has to be."""
        exporter = self.exporter
        before = exporter.wait_for(lambda page: page.success() == 1, "health before the fault", 30)
        pid = exporter.pid
        with Scraper(exporter, pause=0.05, keep=True) as scraper:
            began = time.monotonic()
            with fault():
                during = exporter.page()
                ended = time.monotonic()
            gone = time.monotonic()
            after = exporter.wait_for(lambda page: page.success() == 1 and page.last_success() > time.time() - 2, f"recovery from {name}", 30)
            recovery = time.monotonic() - gone
            exporter.wait_for_polls(1)
        pages = [Samples.parse(scrape.text) for scrape in scraper.scrapes if scrape.status == 200]
        told = {reason for reason, count in after.errors().items() if count > before.errors().get(reason, 0)}
        row = Row(
            name, ended - began, len(scraper.scrapes), sum(scrape.status != 200 for scrape in scraper.scrapes),
            [scrape.seconds for scrape in scraper.scrapes], {during.value("slurmdbd_up") or 0.0}, told, recovery,
        )  # fmt: skip
        self.rows.append(row)
        checks = {
            "every scrape is answered 200": row.not_200 == 0,
            f"no scrape takes {LONGEST_SCRAPE} s": max(row.times) < LONGEST_SCRAPE,
            f"slurmdbd_up is {up}": row.up == up,
            "success is 0 while it lasts": during.success() == 0,
            "last success stands still": during.last_success() <= before.last_success() + 4,
            f"the reasons are of {reasons}": told <= reasons and bool(told),
            "it is the same process": exporter.pid == pid and exporter.running(),
            "no counter fell": not fallen(pages),
            "no counter vanished": not vanished(pages),
            "the page equals a fresh count": self.equals_a_fresh_count(),
        }
        row.problems = [what for what, holds in checks.items() if not holds]

    def equals_a_fresh_count(self) -> bool:
        for _ in range(5):  # counters stand at the second of the poll: until both are of one
            page = self.exporter.wait_for_polls(1)
            fresh = run_once({k: v for k, v in self.flags.items() if k != "state.directory"}, SECRETS).samples
            if not [d for d in differences(page, fresh) if "corrections" not in d]:
                return True
        return False

    def table(self) -> str:
        head = "| fault | s | scrapes | not 200 | median ms | p99 ms | worst ms | up | reasons | recovery s |"
        return "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---|---|---:|", *(row.line() for row in self.rows)])


def fill(accounting: Accounting) -> None:
    """Enough jobs for an ALTER to take its time; none runs, so that pages can be compared."""
    writer = accounting.writers["alpha"]
    bulk(writer, JOBS)
    now, ada = int(time.time()), writer.association("physics", "ada")
    for number in range(50):
        job = writer.submit(ada, at=now - 9000, cpus=number + 1)
        writer.start(job, at=now - 8000 + number)
        writer.end(job, at=now - 4000 + number)
    writer.submit(ada, at=now - 100)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.storm.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--long", action="store_true", help="frozen and altered for two minutes")
    options = parser.parse_args()
    if exporter_binary() is None or not shutil.which("mariadbd", path="/usr/sbin:/usr/bin"):
        print("no exporter, or no mariadbd (deploy/packages.sh test)")
        return 77
    lasting = 120 if options.long else 15
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-faults-")))
        server, spare = stack.enter_context(PrivateMariaDB()), stack.enter_context(PrivateMariaDB())
        one, two = Accounting(server), Accounting(spare)
        fill(one)
        two.close()
        spare.stop()
        trial = Trial(folder, one, spare)
        stack.callback(trial.exporter.kill)
        trial.run("killed mid-poll", lambda: killed_mid_poll(server), up={0.0}, reasons={"lost", "connect", "timeout"})
        trial.run(f"frozen for {lasting} s", lambda: frozen(server, lasting), up={0.0}, reasons={"lost", "timeout", "connect"})
        trial.run("ALTER TABLE", lambda: altered(server, lasting / 2), up={1.0}, reasons={"timeout"})
        one.close()
        print(trial.table())
        problems = [f"{row.name}: not so: {problem}" for row in trial.rows for problem in row.problems]
        for problem in problems:
            print(problem)
        if problems:
            print(trial.exporter.tail(30))
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
