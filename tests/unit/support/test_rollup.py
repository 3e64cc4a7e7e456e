"""Roll-up: hours, days and months of simple histories computed by hand."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support import releases, schema
from tests.support.accounting import ManualClock, SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB
from tests.support.rollup import Rollup
from tests.support.values import ReservationFlag

ZONE = ZoneInfo("Europe/Zurich")
T0 = int(datetime(2024, 3, 30, 22, 0, tzinfo=ZONE).timestamp())  # two hours before the day the clocks go forward
HOUR = 3600


def writer(database: PrivateMariaDB, release: str = "24.11", **options: str) -> SlurmdbdWriter:
    connection = database.connect()
    schema.create_database(connection, release)
    schema.create_cluster(connection, release, "alpine")
    made = SlurmdbdWriter(connection, release, "alpine", ManualClock(T0), **options)
    made.register_cluster({"cpu": 10, "mem": 1000, "node": 2, "billing": 10})
    return made


def usage(w: SlurmdbdWriter, table: str, tres: int = 1) -> dict[int, int]:
    """Period's start in hours after T0 -> alloc_secs, summed over ids."""
    rows = w.select(f"select time_start, sum(alloc_secs) as n from `alpine_{table}_table` where id_tres = {tres} group by 1")
    return {(row["time_start"] - T0) // HOUR: int(row["n"]) for row in rows}


@pytest.mark.parametrize("release", releases.RELEASES)
def test_hours_of_one_job(database: PrivateMariaDB, release: str) -> None:
    w = writer(database, release)
    alice = w.add_user("alice", w.add_account("x").account)
    key = w.add_wckey("paper", "alice")
    job = w.submit(alice, cpus=4, mem_mb=100, id_wckey=key)
    w.start(job, at=T0 + 600)
    w.suspend(job, at=T0 + 1800)
    w.resume(job, at=T0 + 2400)
    w.end(job, at=T0 + HOUR + 60, energy=99)
    w.clock.advance(2 * HOUR + 5)
    assert Rollup(w).run() == 2
    assert usage(w, "assoc_usage_hour") == {0: 4 * (3000 - 600), 1: 4 * 60}
    assert usage(w, "assoc_usage_hour", tres=2) == {0: 100 * 3000, 1: 100 * 60}
    assert usage(w, "assoc_usage_hour", tres=3) == {1: 99}
    assert usage(w, "wckey_usage_hour") == usage(w, "usage_hour") == usage(w, "assoc_usage_hour")
    if releases.at_least(release, "24.11"):
        assert usage(w, "qos_usage_hour") == usage(w, "assoc_usage_hour")
    planned = "plan_secs" if releases.at_least(release, "21.08") else "resv_secs"
    (row,) = w.select(f"select * from alpine_usage_hour_table where id_tres = 1 and time_start = {T0}")
    assert (row["count"], row[planned], row["over_secs"]) == (10, 4 * 600, 0)
    assert row["alloc_secs"] + row["idle_secs"] + row[planned] == 10 * HOUR
    assert Rollup(w).run() == 0


def test_days_follow_the_daemons_zone(database: PrivateMariaDB) -> None:
    w = writer(database, timezone="Europe/Zurich")
    w.start(w.submit(w.add_user("alice", w.add_account("x").account)))
    w.clock.advance(2 * HOUR + 23 * HOUR + 24 * HOUR + 60)  # to 1 April, 00:01 plus a day; the 31st has 23 hours
    Rollup(w).run()
    assert usage(w, "assoc_usage_day") == {-22: 2 * HOUR, 2: 23 * HOUR, 25: 24 * HOUR}
    march = int((datetime(2024, 3, 1, tzinfo=ZONE).timestamp() - T0) // HOUR)
    assert usage(w, "assoc_usage_month") == {march: 25 * HOUR}
    (row,) = w.select("select * from alpine_usage_day_table where id_tres = 1 order by time_start limit 1 offset 1")
    assert row["count"] == 10 and row["alloc_secs"] + row["idle_secs"] == 10 * 23 * HOUR


def test_a_late_end_takes_usage_back(database: PrivateMariaDB) -> None:
    w = writer(database)
    job = w.submit(w.add_user("alice", w.add_account("x").account))
    w.start(job)
    w.clock.advance(HOUR + 1)
    Rollup(w).run()
    assert usage(w, "assoc_usage_hour") == {0: HOUR}
    w.end(job, at=T0 + HOUR - 2)
    w.clock.advance(HOUR)
    assert Rollup(w).run() == 2
    assert usage(w, "assoc_usage_hour") == {0: HOUR - 2}


def test_nodes_down_are_not_idle(database: PrivateMariaDB) -> None:
    w = writer(database)
    w.node_down("n1", {"cpu": 5, "mem": 500}, at=T0 + 60)
    w.node_up("n1", at=T0 + 660)
    w.clock.advance(HOUR)
    Rollup(w).run()
    (row,) = w.select("select * from alpine_usage_hour_table where id_tres = 1")
    assert (row["down_secs"], row["idle_secs"]) == (5 * 600, 10 * HOUR - 5 * 600)


@pytest.mark.parametrize(("flags", "allocated"), [(0, 6 * HOUR), (ReservationFlag.IGNORE_JOBS, 2 * 1200)])
def test_a_reservations_idle_time_is_its_owners(database: PrivateMariaDB, flags: int, allocated: int) -> None:
    """A job that holds a part of it uses all of it while it runs."""
    w = writer(database)
    w.add_account("x")
    alice, bob = w.add_user("alice", "x"), w.add_user("bob", "x")
    number = w.add_reservation("class", T0, T0 + HOUR, {"cpu": 6}, [alice, bob], flags=flags)
    job = w.submit(alice, cpus=2, id_resv=number)
    w.start(job)
    w.end(job, at=T0 + 1200)
    w.clock.advance(HOUR)
    Rollup(w).run()
    assert usage(w, "usage_hour") == {0: allocated}
    rows = w.select("select id, alloc_secs from alpine_assoc_usage_hour_table where id_tres = 1")
    assert {row["id"]: row["alloc_secs"] for row in rows} == {alice.id: 2 * 1200 + 3 * 2400, bob.id: 3 * 2400}


def test_jobs_side_by_side_leave_nothing_of_a_reservation(database: PrivateMariaDB) -> None:
    """Their times add up, so two halves of an hour at once are taken for a whole one; a row that changes is two."""
    w = writer(database)
    w.add_account("x")
    alice = w.add_user("alice", "x")
    number = w.add_reservation("class", T0, T0 + 2 * HOUR, {"cpu": 6}, [alice])
    w.clock.advance(1800)
    w.change_reservation(number, tres={"cpu": 4})
    for cpus in (1, 2):
        job = w.submit(alice, cpus=cpus, id_resv=number)
        w.start(job, at=T0 + 1800)
        w.end(job, at=T0 + 2700)
    w.clock.advance(2 * HOUR)
    Rollup(w).run()
    idle = {0: 6 * 1800, 1: 4 * HOUR}
    assert usage(w, "assoc_usage_hour") == {0: idle[0] + 3 * 900, 1: idle[1]}
    assert usage(w, "usage_hour") == {0: 6 * 1800 + 4 * 1800, 1: 4 * HOUR}


def test_runaways_and_waiting_arrays(database: PrivateMariaDB) -> None:
    w = writer(database)
    alice = w.add_user("alice", w.add_account("x").account)
    w.submit_array(alice, range(5), cpus=1)
    w.throttle(w.submit_array(alice, range(500), cpus=1, max_running=1))
    w.clock.advance(2 * HOUR)
    Rollup(w).run()
    rows = w.select("select plan_secs, idle_secs, over_secs from alpine_usage_hour_table where id_tres = 1")
    assert [tuple(row.values()) for row in rows] == [(5 * HOUR, 5 * HOUR, 0)] * 2
