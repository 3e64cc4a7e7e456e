"""SlurmdbdWriter: what stands in the tables after each event, in every release."""

from __future__ import annotations

from typing import Callable

import pytest

from tests.support import releases, schema
from tests.support.accounting import JobState, ManualClock, SlurmdbdWriter
from tests.support.arrays import task_mask
from tests.support.jobs import sluid
from tests.support.mariadb import PrivateMariaDB
from tests.support.session import parse_tres
from tests.support.values import INFINITE, NO_VAL64, StepId

NOW = 1_700_000_000
MakeWriter = Callable[[str], SlurmdbdWriter]


@pytest.fixture
def make(database: PrivateMariaDB) -> MakeWriter:
    def build(release: str) -> SlurmdbdWriter:
        connection = database.connect()
        schema.create_database(connection, release)
        schema.create_cluster(connection, release, "summit-gpu")
        return SlurmdbdWriter(connection, release, "summit-gpu", ManualClock(NOW))

    return build


def job_rows(writer: SlurmdbdWriter) -> list[dict]:
    return writer.select("select * from `summit-gpu_job_table` order by id_job, time_submit")


@pytest.mark.parametrize("release", releases.RELEASES)
def test_a_life_in_every_release(make: MakeWriter, release: str) -> None:
    w = make(release)
    w.add_tres("gres/gpu")
    w.register_cluster({"cpu": 64, "mem": 1000, "node": 4, "billing": 64, "gres/gpu": 8})
    w.add_qos("high", priority=10, grp_tres_mins={"cpu": 100}, preempt=["normal"])
    w.add_account("physics", organization="science", grp_tres_mins={"cpu": 6000, "gres/gpu": 60})
    alice = w.add_user("alice", "physics", max_jobs=4)
    w.add_coordinator("physics", "alice")
    key = w.add_wckey("*paper", "alice", default=True)
    job = w.submit(alice, cpus=4, tres={"gres/gpu": 1}, qos="high", wckey="*paper", id_wckey=key)
    w.clock.advance(10)
    w.start(job, nodelist="n2")
    w.start_step(job, StepId.BATCH)
    w.clock.advance(100)
    w.suspend(job)
    w.clock.advance(50)
    w.resume(job)
    w.clock.advance(30)
    w.end_step(job, StepId.BATCH, user_cpu=12.5, peak_memory=1 << 30)
    w.end(job, energy=777)
    (row,) = job_rows(w)
    assert (row["state"], row["time_start"], row["time_end"], row["time_suspended"]) == (3, NOW + 10, NOW + 190, 50)
    assert parse_tres(row["tres_alloc"]) == {1: 4, 2: 1000, 3: 777, 4: 1, 5: 4, 1001: 1}
    again = w.requeue(w.submit(alice))
    assert again.state == JobState.PENDING and again.row["id_job"] == job.id + 1
    w.node_down("n1", {"cpu": 16, "mem": 250})
    w.node_up("n1", at=w.clock() + 5)
    number = w.add_reservation("class", NOW, NOW + 7200, {"cpu": 8}, [alice])
    w.change_reservation(number, tres={"cpu": 16})
    w.remove_reservation(number)
    w.move_account("physics", "root")
    w.remove_user("alice")
    assert w.purge(NOW + 10**6)


def test_keys_are_automatic_then_sluids(make: MakeWriter) -> None:
    w = make("24.05")
    first = w.submit(w.add_user("a", w.add_account("x").account))
    assert first.key == 1


def test_a_sluid_may_exceed_half_the_range(make: MakeWriter) -> None:
    w = make("25.05")
    w.execute("update cluster_table set id = 4000")
    user = w.add_user("a", w.add_account("x").account)
    job = w.submit(user)
    assert job.key == sluid(4000, NOW * 1000) > 2**63
    other = w.submit(user)
    assert other.key == job.key + 1
    old = job.key
    w.rewrite_key(job)
    assert [row["job_db_inx"] for row in job_rows(w)] == [job.key, other.key]
    assert job.key != old


def test_an_older_controller_lets_the_database_count(make: MakeWriter) -> None:
    w = make("24.11")
    w.controller_release = "24.05"
    assert w.submit(w.add_user("a", w.add_account("x").account)).key == 1


def test_an_array_splits(make: MakeWriter) -> None:
    w = make("22.05")
    array = w.submit_array(w.add_user("a", w.add_account("x").account), range(1, 4), max_running=2)
    assert (array.array_task_str, array.array_task_pending) == ("0xE", 3)
    first = w.start_task(array)
    assert first.id == array.id + 1 and first.id_array_job == array.id and first.id_array_task == 1
    w.throttle(array)
    assert job_rows(w)[0]["time_eligible"] == INFINITE
    w.start_task(array)
    last = w.start_task(array)
    assert last is array and last.id_array_task == 3
    assert (job_rows(w)[0]["array_task_str"], job_rows(w)[0]["array_task_pending"]) == (None, 0)
    assert task_mask(range(1, 10)) == "0x3FE"


def test_a_resize_goes_on_in_a_second_row(make: MakeWriter) -> None:
    w = make("23.02")
    job = w.submit(w.add_user("a", w.add_account("x").account), cpus=2)
    w.start(job)
    w.clock.advance(60)
    bigger = w.resize(job, {"cpu": 8, "node": 1})
    assert job.state == JobState.RESIZING
    assert bigger.time_submit == bigger.time_eligible == NOW + 60
    assert bigger.time_start == NOW  # the job's own, so that its first minute is in both rows
    assert parse_tres(bigger.tres_alloc) == {1: 8, 4: 1, 3: NO_VAL64}


def test_heterogeneous_components(make: MakeWriter) -> None:
    w = make("23.02")
    leader, second = w.submit_heterogeneous(w.add_user("a", w.add_account("x").account), [{"cpus": 1}, {"cpus": 8}])
    assert (leader.het_job_id, leader.het_job_offset) == (leader.id, 0)
    assert (second.id, second.het_job_id, second.het_job_offset) == (leader.id + 1, leader.id, 1)


def test_mod_time_moves_only_with_some_writes(make: MakeWriter) -> None:
    w = make("22.05")
    job = w.submit(w.add_user("a", w.add_account("x").account))
    w.start(job)
    w.clock.advance(5)
    w.suspend(job)
    w.resume(job)
    assert job_rows(w)[0]["mod_time"] == NOW
    w.end(job)
    assert job_rows(w)[0]["mod_time"] == NOW + 5


def test_a_late_end_lowers_the_rollup_mark(make: MakeWriter) -> None:
    w = make("22.05")
    w.insert("%_last_ran_table", {"hourly_rollup": NOW, "daily_rollup": NOW, "monthly_rollup": NOW})
    job = w.submit(w.add_user("a", w.add_account("x").account))
    w.start(job)
    w.end(job, at=NOW - 7)
    assert w.select("select * from `summit-gpu_last_ran_table`")[0] == dict.fromkeys(
        ("hourly_rollup", "daily_rollup", "monthly_rollup"), NOW - 7
    )


def test_a_runaway_fix_ends_the_row_and_removes_usage(make: MakeWriter) -> None:
    w = make("22.05")
    w.insert("%_last_ran_table", {"hourly_rollup": NOW, "daily_rollup": NOW, "monthly_rollup": NOW})
    job = w.submit(w.add_user("a", w.add_account("x").account))
    w.start(job, at=NOW + 3)
    stamp = {"creation_time": NOW, "id": 1, "id_tres": 1, "alloc_secs": 5}
    w.insert("%_assoc_usage_hour_table", stamp | {"time_start": NOW - 3600})
    w.insert("%_usage_hour_table", {"creation_time": NOW, "id_tres": 1, "time_start": NOW - 3600})
    w.fix_runaway_jobs(job)
    assert (job.state, job.time_end) == (3, NOW + 3)
    assert w.select("select * from `summit-gpu_last_ran_table`")[0]["hourly_rollup"] == 1698710400  # 2023-10-31 00:00 UTC
    assert not w.select("select * from `summit-gpu_assoc_usage_hour_table`")
    assert w.select("select * from `summit-gpu_usage_hour_table`")


@pytest.mark.parametrize("release", ["22.05", "23.11", "25.05"])
def test_the_tree_is_kept(make: MakeWriter, release: str) -> None:
    w = make(release)
    w.add_account("science")
    w.add_account("physics", "science")
    w.add_account("arts")
    w.add_user("alice", "physics")
    w.add_user("alice", "physics", partition="gpu")
    w.move_account("physics", "arts")
    rows = {(r["acct"], r["user"], r["partition"]): r for r in w.select("select * from `summit-gpu_assoc_table`")}
    if w.has("%_assoc_table", "lineage"):
        assert rows["physics", "", ""]["lineage"] == "/arts/physics/"
        assert rows["physics", "alice", "gpu"]["lineage"] == "/arts/physics/0-alice/gpu/"
        assert rows["physics", "", ""]["id_parent"] == rows["arts", "", ""]["id_assoc"]
    else:
        arts, physics, alice = rows["arts", "", ""], rows["physics", "", ""], rows["physics", "alice", ""]
        assert arts["lft"] < physics["lft"] < alice["lft"] < alice["rgt"] < physics["rgt"] < arts["rgt"]
        assert sorted(n for r in rows.values() for n in (r["lft"], r["rgt"])) == list(range(1, 2 * len(rows) + 1))


def test_a_removed_user_comes_back_with_its_id(make: MakeWriter) -> None:
    w = make("23.11")
    before = w.add_user("a", w.add_account("x").account, max_jobs=3)
    w.remove_user("a")
    row = w.select("select deleted, max_jobs from `summit-gpu_assoc_table` where user = 'a'")[0]
    assert row == {"deleted": 1, "max_jobs": None}
    assert w.add_user("a", "x").id == before.id


def test_a_column_of_no_release_is_an_error(make: MakeWriter) -> None:
    w = make("22.05")
    with pytest.raises(KeyError, match="colour"):
        w.modify_qos("normal", colour=1)


def test_a_failed_bundle_leaves_nothing(make: MakeWriter) -> None:
    w = make("22.05")
    with pytest.raises(RuntimeError):
        with w.bundle():
            w.add_account("x")
            raise RuntimeError
    assert not w.select("select 1 from acct_table where name = 'x'")
