"""The turn of a month, which the database's clock is told: counters show the old month as a whole before they begin anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.conftest import RunOnce, Start
from tests.integration.database import Accounting, execute
from tests.integration.exporter import flags_for
from tests.integration.samples import Samples
from tests.storm.recount import LABELS, Counts, recount
from tests.support.mariadb import PrivateMariaDB
from tests.support.session import ManualClock
from tests.support.values import JobState

MAY, JUNE = (int(datetime(2025, month, 1, tzinfo=UTC).timestamp()) for month in (5, 6))
SETTLE = 10
CLUSTER = "alpha"
SLOW = ("slurmdbd_transactions_total", "slurmdbd_jobs_unmeasured_total")  # of collectors that need not come in each poll


@pytest.fixture
def turn(server: PrivateMariaDB) -> Iterator[Accounting]:
    """Jobs around midnight."""
    made = Accounting(server, clock=ManualClock(JUNE - 20_000), created=MAY)
    writer = made.writers[CLUSTER]
    ada, marie = writer.association("physics", "ada"), writer.association("chemistry", "marie")
    for association, start, end in (
        (ada, -10_000, None), (ada, -9000, -1000), (ada, -300, -20), (marie, -200, 0), (marie, -100, 5), (ada, 0, None), (ada, 3, 6),
    ):  # fmt: skip
        job = writer.submit(association, cpus=4, at=JUNE - 15_000)
        writer.start(job, at=JUNE + start)
        if end is not None:
            writer.end(job, JobState.COMPLETED, at=JUNE + end)
    made.clock.now = JUNE + 30
    writer.add_account("biology")  # the only transaction of June
    yield made
    execute(server, "set global init_connect = ''")
    made.close()


def tell(server: PrivateMariaDB, instant: int) -> None:
    """From its next connection on the exporter finds that it is this time."""
    execute(server, f"set global init_connect = 'set timestamp = {instant}'")
    with server.connect("root", database=None) as root, root.cursor() as cursor:
        cursor.execute("select id from information_schema.processlist where user = 'slurmdbd_exporter'")
        for (connection,) in cursor.fetchall():
            cursor.execute(f"kill {connection}")


def counters(page: Samples) -> Counts:
    return {
        (name, *(dict(labels)[label] for label in ("cluster", *LABELS[name]))): round(value)
        for (name, labels), value in page.values.items()
        if name in LABELS and value
    }


def test_the_old_month_is_shown_as_a_whole(turn: Accounting, start: Start, tmp_path: Path) -> None:
    connection = turn.server.connect()
    with connection.cursor() as cursor:
        cursor.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")
        wanted = [
            recount(cursor, CLUSTER, MAY, JUNE - 40),
            recount(cursor, CLUSTER, MAY, JUNE, whole=True),
            recount(cursor, CLUSTER, JUNE, JUNE + 90),
        ]
    connection.close()
    tell(turn.server, JUNE - 40 + SETTLE)
    changes = {"counter__epoch": "month", "counter__settle": f"{SETTLE}s", "state__directory": str(tmp_path)}
    exporter = start(flags_for(turn.server, **changes))
    seen = [counters(exporter.page())]
    tell(turn.server, JUNE + 90 + SETTLE)
    deadline = time.monotonic() + 20
    while seen[-1] != wanted[-1] and time.monotonic() < deadline:
        if (now := counters(exporter.page())) != seen[-1]:
            seen.append(now)
        time.sleep(0.02)
    assert seen == wanted
    assert sum(wanted[0].values()) < sum(wanted[1].values())


def test_collectors_that_come_later_begin_anew_too(turn: Accounting, start: Start, once: RunOnce, tmp_path: Path) -> None:
    """They show the old month when the others are in the new one: nothing of that is held against the new one."""
    changes = {"counter__epoch": "month", "counter__settle": f"{SETTLE}s", "state__directory": str(tmp_path)}
    slow = {f"collector.{name}.interval": "3s" for name in ("audit", "efficiency")}
    tell(turn.server, JUNE - 40 + SETTLE)
    exporter = start(flags_for(turn.server, **changes) | slow)
    before = exporter.page()
    tell(turn.server, JUNE + 90 + SETTLE)
    wanted = once({name: value for name, value in exporter.flags.items() if not name.startswith(("state", "web"))} | {"as-of": JUNE + 90}).samples

    def slow_ones(page: Samples) -> dict[object, float]:
        return {key: value for key, value in page.values.items() if key[0] in SLOW}

    exporter.wait_for(lambda page: slow_ones(page) == slow_ones(wanted), "June's counters of audit and efficiency")
    assert {name for name, _ in slow_ones(wanted)} == set(SLOW)
    assert sum(slow_ones(before).values()) > sum(slow_ones(wanted).values())
