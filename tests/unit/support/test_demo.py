"""The demo's history and simulator: same seed same rows, usage agrees with jobs, life goes on."""

from __future__ import annotations

import random

import pytest

from deploy.demo import site as sites
from deploy.demo.history import Plan, fill
from deploy.demo.simulator import Simulator, tasks_of
from tests.support import releases
from tests.support.accounting import ManualClock, SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB
from tests.support.rollup import Rollup

NOW = 1_760_000_400
PLAN = Plan(NOW, months=1, scale=0.02)


def checksum(database: PrivateMariaDB) -> list[tuple]:
    cursor = database.connect().cursor()
    cursor.execute("show tables")
    names = ", ".join(f"`{row[0]}`" for row in cursor.fetchall())
    cursor.execute(f"checksum table {names}")
    return list(cursor.fetchall())


def test_the_same_seed_gives_the_same_rows(database: PrivateMariaDB) -> None:
    fill(database.connect, "22.05", PLAN)
    first = checksum(database)
    database.reset_database()
    fill(database.connect, "22.05", PLAN)
    assert checksum(database) == first


@pytest.mark.parametrize("release", releases.RELEASES)
def test_usage_agrees_with_the_jobs(database: PrivateMariaDB, release: str) -> None:
    fill(database.connect, release, PLAN)
    for cluster in sites.CLUSTERS:
        w = SlurmdbdWriter(database.connect(), release, cluster.name)
        rolled = NOW // 3600 * 3600
        expected: dict[int, int] = {}
        for job in w.select(f"select * from {w.table('%_job_table')} where time_start > 0"):
            cpus = int(job["tres_alloc"].split(",")[0].removeprefix("1="))
            seconds = max(0, min(job["time_end"] or rolled, rolled) - job["time_start"])
            if job["time_suspended"]:
                suspend = w.select(f"select * from {w.table('%_suspend_table')} where job_db_inx = %s", (job["job_db_inx"],))[0]
                seconds -= min(suspend["time_end"], rolled) - min(suspend["time_start"], rolled)
            expected[job["id_assoc"]] = expected.get(job["id_assoc"], 0) + cpus * seconds
        hours = f"select id, sum(alloc_secs) as n from {w.table('%_assoc_usage_hour_table')} where id_tres = 1 group by id"
        assert {row["id"]: int(row["n"]) for row in w.select(hours)} == {n: s for n, s in expected.items() if s}
        usage = w.select(f"select * from {w.table('%_usage_hour_table')} where id_tres = 1")
        assert len(usage) == 30 * 24
        for row in usage:
            planned = row["plan_secs" if "plan_secs" in row else "resv_secs"]
            parts = row["alloc_secs"] + row["down_secs"] + row["pdown_secs"] + row["idle_secs"] + planned
            assert parts == row["count"] * 3600


@pytest.mark.parametrize("release", ["20.11", "22.05", "26.05"])
def test_the_simulator_lives(database: PrivateMariaDB, release: str) -> None:
    fill(database.connect, release, PLAN)
    clock = ManualClock(NOW)
    w = SlurmdbdWriter(database.connect(), release, "summit-gpu", clock)
    simulator = Simulator(w, sites.load(w, sites.SUMMIT), random.Random(1), jobs_per_minute=20, run=90)
    before = w.select(f"select count(*) as n from {w.table('%_job_table')} where time_end > 0")[0]["n"]
    for _ in range(3700):
        clock.advance(1)
        simulator.step()
    after = w.select(f"select count(*) as n from {w.table('%_job_table')} where time_end > 0")[0]["n"]
    assert after - before > 300
    ended = f"select count(*) as n from {w.table('%_job_table')} where time_end > %s"
    late = w.select(f"{ended} and mod_time - time_end between 1 and 4", (NOW,))
    assert late[0]["n"] > 20
    assert w.select(f"select hourly_rollup as n from {w.table('%_last_ran_table')}")[0]["n"] > NOW - 3600
    waiting = w.select(f"select count(*) as n from {w.table('%_job_table')} where state = 0 and time_end = 0")
    assert waiting[0]["n"] <= 26
    Rollup(w).run()
    capacity = sites.SUMMIT.capacity()["cpu"]
    running = w.select(f"select coalesce(sum(cpus_req), 0) as n from {w.table('%_job_table')} where state = 1 and time_end = 0")
    assert running[0]["n"] <= capacity


def test_array_masks_are_read_back() -> None:
    assert tasks_of("0xE") == [1, 2, 3]
    assert tasks_of(None) == []
