"""Usage by period equals plain sums over slurmdbd's hours, in every release, through all that rewrites them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.servers import rfc3339
from tests.integration import usage_judge
from tests.integration.conftest import RunOnce, Start
from tests.integration.database import Accounting
from tests.integration.exporter import Exporter, flags_for
from tests.integration.samples import Samples
from tests.support.accounting import SlurmdbdWriter
from tests.support.accounts import Association
from tests.support.mariadb import PrivateMariaDB
from tests.support.random_jobs import run_jobs
from tests.support.releases import RELEASES, at_least
from tests.support.rollup import Rollup
from tests.support.session import ManualClock

HOUR, DAY = 3600, 86_400
ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
KINDS = ("account", "user", "wckey", "qos")


def local(zone: str, *when: int) -> int:
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp())  # type: ignore[arg-type, misc]


def tree(writer: SlurmdbdWriter) -> list[tuple[Association, int]]:
    """Accounts four deep, users in several of them, one with a partition: (association, its wckey)."""
    writer.add_account("science", organization="faculty", description="all of it")
    for account, parent in (("astro", "science"), ("astro_x", "astro"), ("geo", "science"), ("admin", "root")):
        writer.add_account(account, parent)
    writer.add_tres("gres/gpu")
    writer.add_qos("high")
    who = [("ann", "astro"), ("ann", "geo"), ("bob", "astro_x"), ("cid", "admin"), ("dot", "geo")]
    made = [writer.add_user(user, account) for user, account in who]
    made.append(writer.add_user("ann", "astro", partition="gpu"))
    keys = {user: writer.add_wckey("paper", user) for user in ("ann", "bob")}
    return [(association, keys.get(association.user, 0)) for association in made]


@pytest.fixture
def make(server: PrivateMariaDB) -> Iterator[Callable[..., SlurmdbdWriter]]:
    """make(release, zone, now): an empty cluster whose clock stands at `now`."""
    made: list[Accounting] = []

    def build(release: str, zone: str, now: int) -> SlurmdbdWriter:
        one = Accounting(server, release=release, clock=ManualClock(now - 500 * DAY))
        made.append(one)
        writer = one.writers["alpha"]
        writer.timezone = ZoneInfo(zone)
        return writer

    yield build
    for one in made:
        one.close()


def check(page: Samples, writer: SlurmdbdWriter, zone: str, instant: int, *, total: bool) -> int:
    """Compares rolled-up figures, or totals, with the judge's; how many."""
    judged = usage_judge.rolled_up(writer, ZoneInfo(zone), instant)
    compared = 0
    for kind in KINDS:
        here = usage_judge.shown(page, kind, rolled=not total)
        there = judged[kind]
        if total:  # the joules of an hour that is rolled up again are another matter
            here, there = ({k: v for k, v in some.items() if k[-2] != "energy"} for some in (here, there))
        assert usage_judge.differences(here, there) == [], f"{kind}, {'total' if total else 'rolled up'}"
        compared += len(there)
    return compared


@pytest.mark.parametrize("release", RELEASES)
def test_periods_equal_sums_of_hours(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce, release: str) -> None:
    """And what is counted from jobs before a roll-up is what the roll-up then says."""
    zone = ZONES[RELEASES.index(release) % len(ZONES)]
    instant = local(zone, 2025, 3, 11, 7)  # two days after New York's clocks went forward
    writer = make(release, zone, instant)
    clock = writer.clock
    charged = tree(writer)
    chance = random.Random(release)
    run_jobs(writer, charged, chance, local(zone, 2023, 12, 25), instant, 250)
    run_jobs(writer, charged, chance, instant - 3 * DAY, instant, 120)
    writer.remove_user("dot")
    writer.move_account("astro_x", "geo")
    flags = flags_for(server, timezone=zone, as_of=instant, counter__epoch=rfc3339(instant - DAY))
    clock.now = instant - 5 * HOUR
    Rollup(writer).run()
    early = once(flags)
    assert early.code == 0, early.log
    assert check(early.samples, writer, zone, instant, total=False) > 300
    clock.now = instant
    Rollup(writer).run()
    assert check(early.samples, writer, zone, instant, total=True) > 300
    late = once(flags).samples
    assert check(late, writer, zone, instant, total=False) > 300
    assert check(late, writer, zone, instant, total=True) > 300
    assert bool(usage_judge.shown(late, "qos", rolled=True)) == at_least(release, "24.11")
    assert late.value("slurmdbd_rollup_last_hour_timestamp_seconds") == instant
    assert late.value("slurmdbd_usage_live_since_timestamp_seconds") == instant
    assert late.value("slurmdbd_usage_timezone_agrees") == 1
    elsewhere = once(flags | {"timezone": "Asia/Tokyo" if zone != "Asia/Tokyo" else "UTC"}).samples
    assert elsewhere.value("slurmdbd_usage_timezone_agrees") == 0
    for period, (start, _) in usage_judge.windows(ZoneInfo(zone), instant).items():
        assert late.value("slurmdbd_usage_period_start_timestamp_seconds", period=period) == start


def test_accounts_are_described(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    instant = local("UTC", 2025, 3, 11, 7)
    writer = make("25.05", "UTC", instant)
    tree(writer)
    writer.add_coordinator("science", "ann")
    page = once(flags_for(server, as_of=instant, counter__epoch=rfc3339(instant))).samples
    infos = {labels["account"]: labels for labels, _ in page.matching("slurmdbd_account_info")}
    assert infos["science"] | {"cluster": ""} == {
        "cluster": "", "account": "science", "parent": "root", "organization": "faculty", "description": "all of it", "path": "/science",
    }  # fmt: skip
    assert (infos["astro_x"]["path"], infos["root"]["path"], infos["root"]["parent"]) == ("/science/astro/astro_x", "/", "")
    assert page.value("slurmdbd_account_coordinator_info", account="science", user="ann") == 1


class Live:
    """A cluster whose present is now, and an exporter that watches it."""

    def __init__(self, make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, start: Start, release: str) -> None:
        self.now = int(time.time())
        self.writer = make(release, "UTC", self.now)
        self.charged = tree(self.writer)
        self.chance = random.Random(release)
        run_jobs(self.writer, self.charged, self.chance, self.now - 400 * DAY, self.now - 5, 100)
        run_jobs(self.writer, self.charged, self.chance, self.now - 3 * DAY, self.now - 5, 80)
        self.rollup = Rollup(self.writer)
        self.clock.now = self.now - 4 * HOUR
        self.rollup.run()
        self.flags = flags_for(server, collector__usage__interval="1s")
        self.exporter: Exporter = start(self.flags)

    @property
    def clock(self) -> ManualClock:
        clock = self.writer.clock
        assert isinstance(clock, ManualClock)
        return clock

    def agrees(self, once: RunOnce) -> None:
        """The served page has what the judge and a fresh process have."""
        self.exporter.wait_for_polls(2)
        page = self.exporter.page()
        instant = int(time.time())
        assert check(page, self.writer, "UTC", instant, total=False) > 100
        fresh = once(self.flags).samples
        for kind in KINDS:
            assert usage_judge.shown(page, kind, rolled=True) == usage_judge.shown(fresh, kind, rolled=True)
        # Jobs still run: what they add within the seconds between the two readings is little, and never negative.
        here, there = (usage_judge.shown(one, "account", rolled=False) for one in (page, fresh))
        assert here.keys() == there.keys()
        for key, amount in there.items():
            if key[1] == "cpu":
                assert 0 <= amount - here[key] < 30 * 64 * 200, key


@pytest.mark.parametrize("release", ("20.11", "22.05", "23.02", "26.05"))
def test_what_rewrites_usage_is_followed(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, start: Start, once: RunOnce, release: str) -> None:
    live = Live(make, server, start, release)
    live.agrees(once)
    writer, clock = live.writer, live.clock
    # An hour is rolled up.
    clock.now = live.now - 2 * HOUR
    live.rollup.run()
    live.agrees(once)
    # The record of a job comes late, and the hours it ran in are rolled up once more.
    association, _ = live.charged[0]
    late = writer.submit(association, at=live.now - 30 * HOUR, cpus=64)
    writer.start(late, at=live.now - 29 * HOUR)
    writer.end(late, at=live.now - 28 * HOUR)
    writer.trigger_reroll(live.now - 29 * HOUR)
    live.agrees(once)
    clock.now = live.now
    live.rollup.run()
    live.agrees(once)
    # Runaway jobs are repaired: usage of a month and more is gone, and comes back with the next roll-up.
    runaway = writer.submit(association, at=live.now - 20 * DAY, cpus=32)
    writer.start(runaway, at=live.now - 20 * DAY)
    writer.trigger_reroll(live.now - 20 * DAY)
    clock.advance(1)
    live.exporter.wait_for_polls(1)  # older releases index no mod_time: what says so is that last_ran went back
    live.rollup.run()
    live.agrees(once)
    writer.fix_runaway_jobs(runaway)
    clock.advance(1)
    live.exporter.wait_for_polls(2)
    assert usage_judge.shown(live.exporter.page(), "account", rolled=True).get(("astro", "cpu", "month"), 0) == 0
    live.rollup.run()
    live.agrees(once)
    # All of it at once: no poll sees last_ran_table go back. Nor does it when hours are rolled up by command.
    clock.advance(1)
    with writer.bundle():
        unseen = writer.submit(association, at=live.now - 30 * HOUR, cpus=64)
        writer.start(unseen, at=live.now - 27 * HOUR)
        writer.end(unseen, at=live.now - 26 * HOUR)
        live.rollup.run()
    live.agrees(once)
    # An account moves, and its history with it.
    writer.move_account("astro", "admin")
    live.agrees(once)


@pytest.mark.parametrize("release", ("20.11", "26.05"))
def test_an_unchanged_database_is_left_alone(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, start: Start, release: str) -> None:
    live = Live(make, server, start, release)
    live.exporter.wait_for_polls(2)

    def rows_read() -> float:
        value = live.exporter.page().value("slurmdbd_exporter_collector_rows_read_total", collector="usage")
        assert value is not None
        return value

    before = rows_read()
    live.exporter.wait_for_polls(3)
    polls = 5
    # Marks, and open jobs with those that have just ended; where no index leads to what changed, a row an hour since yesterday, a day of two
    # months and a month of two years.
    stamps = 0 if at_least(release, "23.02") else 48 + 62 + 24
    assert rows_read() - before < polls * (3 + stamps + 2 * 30)
