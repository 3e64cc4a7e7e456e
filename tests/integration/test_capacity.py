"""Clusters and their nodes as the tables have them, in every release; and what is missing leaves out only itself."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.servers import rfc3339
from tests.integration import history, usage_judge
from tests.integration.capacity_judge import DAY, HOUR, LIVE, MB, Figures, away, reserved, series, shown
from tests.integration.conftest import RunOnce
from tests.integration.database import CAPACITY, Accounting, execute, query
from tests.integration.exporter import flags_for
from tests.integration.samples import Samples, check_text
from tests.support.accounting import SlurmdbdWriter
from tests.support.cluster_usage import planned_column
from tests.support.mariadb import PrivateMariaDB
from tests.support.releases import RELEASES, at_least
from tests.support.rollup import Rollup
from tests.support.session import ManualClock
from tests.support.values import NodeState

NODE = {"cpu": 16, "mem": 64_000, "billing": 16}
USAGE = "slurmdbd_cluster_usage_tres_seconds"


@pytest.fixture
def make(server: PrivateMariaDB) -> Iterator[Callable[..., SlurmdbdWriter]]:
    """make(release, now): an empty cluster that registered 40 days ago, its clock at `now`."""
    made: list[Accounting] = []

    def build(release: str, now: int) -> SlurmdbdWriter:
        one = Accounting(server, release=release, clock=ManualClock(now - 40 * DAY))
        made.append(one)
        one.clock.now = now  # type: ignore[attr-defined]
        return one.writers["alpha"]

    yield build
    for one in made:
        one.close()


def page_at(server: PrivateMariaDB, once: RunOnce, instant: int, **flags: object) -> Samples:
    page = once(flags_for(server, as_of=instant, counter__epoch=rfc3339(instant - DAY), **flags))
    assert page.code == 0, page.log
    assert "ERROR" not in page.log
    return check_text(page.text)


def columns(writer: SlurmdbdWriter) -> dict[str, str]:
    return {
        "allocated": "alloc_secs", "down": "down_secs", "planned_down": "pdown_secs", "idle": "idle_secs",
        "planned": planned_column(writer.release), "overcommitted": "over_secs",
    }  # fmt: skip


def hours(writer: SlurmdbdWriter, spans: dict[str, tuple[int, int]]) -> Figures:
    """(tres, kind, period) -> TRES-seconds: plain sums over the table of hours."""
    names = {row["id"]: f"{row['type']}/{row['name']}" if row["name"] else row["type"] for row in writer.select("select * from tres_table")}
    sums: Figures = defaultdict(int)
    for row in writer.select(f"select * from {writer.table('%_usage_hour_table')}"):
        for kind, column in columns(writer).items():
            for period, (start, end) in spans.items():
                if start <= row["time_start"] < end:
                    name = names[row["id_tres"]]
                    sums[name, kind, period] += row[column] * (MB if name == "mem" else 1)
    return {key: value for key, value in sums.items() if value}


@pytest.mark.parametrize("release", RELEASES)
def test_what_became_of_the_capacity(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce, release: str) -> None:
    """Rolled up it is the sum of slurmdbd's hours; the estimate of an hour is what the roll-up then says."""
    now = 1_741_676_400  # 2025-03-11 07:00 UTC
    writer = make(release, now)
    ada = writer.association("physics", "ada")
    for number in range(12):
        begin = now - 35 * DAY + number * 3 * DAY + 777
        job = writer.submit(ada, at=begin - 500, cpus=20, mem_mb=1000)
        writer.start(job, at=begin)
        writer.end(job, at=begin + 30 * HOUR)
        state = NodeState.IDLE | NodeState.POWERED_DOWN | 0x80 if number % 3 else NodeState.DOWN
        writer.node_down(f"n{number % 4 + 1}", NODE, state=state, at=begin + 5 * HOUR)
        writer.node_up(f"n{number % 4 + 1}", at=begin + 8 * HOUR)
    # In the last hour all comes together; no job waits, for what that plans is not estimated.
    running = writer.submit(ada, at=now - 2 * HOUR, cpus=30, mem_mb=1_000_000)
    writer.start(running, at=now - 2 * HOUR)
    writer.node_down("n1", NODE, at=now - 1000)
    writer.node_down("n2", NODE, at=now - 900, state=NodeState.IDLE | NodeState.POWERED_DOWN | 0x80)
    writer.register_cluster(CAPACITY | {"cpu": 80, "node": 5}, nodes="n[1-5]", at=now - 600)
    writer.clock.now = now - HOUR  # type: ignore[attr-defined]
    Rollup(writer).run()
    early = page_at(server, once, now)
    spans = usage_judge.windows(ZoneInfo("UTC"), now)
    judged = hours(writer, spans)
    assert shown(early, USAGE, "tres", "kind", "period") == judged and len(judged) > 40
    assert early.value("slurmdbd_cluster_usage_live_since_timestamp_seconds") == now - HOUR
    writer.clock.now = now  # type: ignore[attr-defined]
    Rollup(writer).run()
    late = page_at(server, once, now)
    assert shown(late, USAGE, "tres", "kind", "period") == hours(writer, spans)
    estimate = shown(early, LIVE, "tres", "kind")
    rolled = hours(writer, {"hour": (now - HOUR, now)})
    hour = {key[:2]: value for key, value in rolled.items() if key[0] != "node" and key[1] != "overcommitted"}
    assert estimate == hour
    assert {kind for _, kind in estimate} == {"allocated", "down", "idle"} | ({"planned_down"} if at_least(release, "22.05") else set())
    assert not shown(late, LIVE, "tres", "kind")


def test_a_roll_up_again_is_seen(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, start: Callable) -> None:
    """By an exporter that serves, on a release whose tables have no index on mod_time."""
    now = int(time.time()) // HOUR * HOUR
    writer = make("21.08", now - HOUR)
    Rollup(writer).run()
    exporter = start(flags_for(server))
    page = exporter.wait_for_polls(2)
    assert page.value(USAGE, tres="cpu", kind="allocated", period="year") == 0
    ada = writer.association("physics", "ada")
    late = writer.submit(ada, at=now - 3 * HOUR, cpus=4)
    writer.start(late, at=now - 3 * HOUR)
    writer.end(late, at=now - 2 * HOUR)
    writer.clock.now = now + 5  # type: ignore[attr-defined]
    Rollup(writer).run()
    page = exporter.wait_for(lambda page: page.value(USAGE, tres="cpu", kind="allocated", period="year") == 4 * HOUR, "the late job")
    assert page.value("slurmdbd_cluster_usage_live_since_timestamp_seconds") == now


def test_a_controller_that_is_away(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    now = 1_741_676_400
    writer = make("24.05", now)
    page = page_at(server, once, now)
    assert page.value("slurmdbd_cluster_registered") == 1
    (labels, value), = page.matching("slurmdbd_cluster_info")
    assert value == 1 and labels == {
        "cluster": "alpha", "version": "24.05", "protocol": "10496", "control_host": "127.0.0.1", "control_port": "6817", "federation": "",
    }  # fmt: skip
    assert shown(page, "slurmdbd_cluster_tres", "tres") == {("cpu",): 64, ("mem",): 256_000 * MB, ("node",): 4, ("billing",): 64}
    assert page.value("slurmdbd_cluster_tres_since_timestamp_seconds") == now - 40 * DAY
    assert not series(page, USAGE) and not series(page, LIVE)  # nothing has been rolled up
    writer.unregister_cluster(track_down=True)
    page = page_at(server, once, now + 60)
    assert page.value("slurmdbd_cluster_registered") == 0
    assert page.value("slurmdbd_cluster_tres", tres="cpu") == 64


def test_null_and_nonsense(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    """Columns made nullable by hand: what is not known is empty or left out, and no poll ends."""
    now = 1_741_676_400
    writer = make("26.05", now)
    Rollup(writer).run()
    writer.node_down("n1", NODE, at=now - 100)
    database = server.database
    for table, column, kind in (
        ("cluster_table", "control_host", "tinytext"), ("cluster_table", "federation", "tinytext"), ("cluster_table", "rpc_version", "int"),
        ("cluster_table", "control_port", "int"), ("alpha_event_table", "reason", "tinytext"), ("alpha_event_table", "tres", "text"),
        ("alpha_event_table", "cluster_nodes", "text"), ("alpha_event_table", "reason_uid", "int unsigned"),
        ("alpha_event_table", "state", "int unsigned"), ("alpha_event_table", "time_end", "bigint unsigned"),
        ("alpha_usage_hour_table", "alloc_secs", "bigint unsigned"), ("alpha_usage_hour_table", "over_secs", "bigint unsigned"),
        ("alpha_usage_month_table", "idle_secs", "bigint unsigned"), ("alpha_usage_day_table", "mod_time", "bigint unsigned"),
    ):  # fmt: skip
        execute(server, f"alter table {database}.{table} modify `{column}` {kind} null", f"update {database}.{table} set `{column}` = null")
    page = page_at(server, once, now)
    assert page.value("slurmdbd_cluster_registered") == 0
    assert not series(page, "slurmdbd_cluster_tres")
    assert away(page) == {"n1": ("unknown", "", now - 100)}
    execute(server, f"update {database}.alpha_event_table set tres = '1=,,x', cluster_nodes = 'n[3-1', state = 4294967295")
    page_at(server, once, now)


def test_what_is_not_granted_leaves_out_only_itself(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    now = 1_741_676_400
    writer = make("26.05", now)
    Rollup(writer).run()
    database = server.database
    execute(server, f"rename table {database}.alpha_event_table to {database}.away")
    page = once(flags_for(server, as_of=now, counter__epoch=rfc3339(now - DAY)))
    samples = page.samples
    assert samples.value("slurmdbd_cluster_registered") == 1
    assert not series(samples, "slurmdbd_cluster_tres") and series(samples, USAGE)
    assert samples.value("slurmdbd_exporter_missing_columns") == 1 and "alpha_event_table" in page.log
    execute(server, f"rename table {database}.away to {database}.alpha_event_table")
    execute(server, f"alter table {database}.alpha_usage_day_table drop column over_secs")
    samples = once(flags_for(server, as_of=now, counter__epoch=rfc3339(now - DAY))).samples
    assert series(samples, "slurmdbd_cluster_tres") and not series(samples, USAGE)


@pytest.mark.parametrize("release", ["21.08", "22.05", "26.05"])  # of each way to find rows one
def test_nodes_come_and_go_while_it_serves(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, start: Callable, release: str) -> None:
    """And the page stays the one that a fresh look gives."""
    now = int(time.time())
    writer = make(release, now)
    writer.node_down("n1", NODE, at=now - 5000)
    exporter = start(flags_for(server))
    assert away(exporter.wait_for_polls(1)) == {"n1": ("down", "Not responding", now - 5000)}
    writer.node_down("n2", NODE, reason="fan", state=NodeState.IDLE | NodeState.DRAIN, at=now - 600)  # told late
    writer.register_cluster(CAPACITY | {"node": 5}, nodes="n[1-5]", at=now - 300)
    writer.node_down("n5", NODE, reason="new", at=now)
    expected = {"n1": ("down", "Not responding", now - 5000), "n2": ("drained", "fan", now - 600), "n5": ("down", "new", now)}
    exporter.wait_for(lambda page: away(page) == expected, "three nodes")
    writer.node_up("n1", at=now + 1)
    writer.register_cluster(CAPACITY, nodes="n[1-4]", at=now + 1)
    exporter.wait_for(lambda page: away(page) == {"n2": expected["n2"]}, "one node that is left")


def test_very_many_nodes_are_folded(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    now = 1_741_676_400
    writer = make("23.02", now)
    writer.register_cluster({"cpu": 4000, "node": 2000}, nodes="n[0001-2000]", at=now - DAY)
    row = {"state": int(NodeState.DOWN), "tres": "1=2", "reason_uid": 0}
    rows = [(f"n{number:04}", now - number, "power" if number != 500 else "fan") for number in range(1, 1301)]
    names = ["node_name", "time_start", "reason", *row]
    writer.insert_many("%_event_table", names, ((*one, *row.values()) for one in rows))
    page = page_at(server, once, now)
    assert away(page) == {
        "n[0001-0499,0501-1001]": ("down", "power", now - 1300),
        "n[1002-1300]": ("down", "power", now - 1300),
        "n0500": ("down", "fan", now - 500),
    }
    assert page.value("slurmdbd_nodes_unavailable", state="down") == 1300
    writer.execute("delete from alpha_event_table where node_name > 'n0200'")
    assert len(away(page_at(server, once, now))) == 200


def test_who_set_it_is_shown_as_users_are(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    now = 1_741_676_400
    writer = make("26.05", now)
    writer.node_down("n1", NODE, uid=1000, at=now - 5)
    writer.node_down("n2", NODE, uid=4294967294, at=now - 5)
    for flags, shown_as in (({}, "1000"), ({"user_label": "none"}, ""), ({"user_exclude": "1000"}, "")):
        page = page_at(server, once, now, **flags)
        assert [have["set_by"] for have in series(page, "slurmdbd_node_unavailable_info")] == [shown_as, ""]
    hashed = page_at(server, once, now, user_label="hash")
    assert len(series(hashed, "slurmdbd_node_unavailable_info")[0]["set_by"]) == 16


@pytest.mark.parametrize("release", ["22.05", "26.05"])  # without and with an index on their end
def test_reservations_come_and_go_while_it_serves(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, start: Callable, release: str) -> None:
    now = int(time.time())
    writer = make(release, now)
    exporter = start(flags_for(server))
    assert reserved(exporter.wait_for_polls(1)) == {}
    number = writer.add_reservation("course", now - 100, now + 1000, {"cpu": 8})
    assert reserved(exporter.wait_for(reserved, "it")) == {"course": (now - 100, now + 1000, 0)}
    ada = writer.association("physics", "ada")
    job = writer.submit(ada, at=now - 50, cpus=4, id_resv=number)
    writer.start(job, at=now - 50)
    writer.end(job, at=now - 10)
    used = "slurmdbd_reservation_used_tres_seconds"
    exporter.wait_for(lambda page: page.value(used, tres="cpu") == 160, "its job")
    writer.clock.now = now  # type: ignore[attr-defined]
    writer.change_reservation(number, time_end=now + 2000, tres={"cpu": 16})
    page = exporter.wait_for(lambda page: page.value("slurmdbd_reservation_tres", tres="cpu") == 16, "the change")
    assert reserved(page) == {"course": (now - 100, now + 2000, 0)} and page.value(used, tres="cpu") == 160
    writer.remove_reservation(number)
    exporter.wait_for(lambda page: not reserved(page), "its end")


def test_reservations_with_nulls_and_nonsense(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce) -> None:
    now = 1_741_676_400
    writer = make("26.05", now)
    writer.add_reservation("course", now - 100, now + 100, {"cpu": 8})
    database = server.database
    for column, kind in (("flags", "bigint unsigned"), ("nodelist", "text"), ("tres", "text"), ("unused_wall", "double"), ("deleted", "tinyint")):
        execute(server, f"alter table {database}.alpha_resv_table modify `{column}` {kind} null", f"update {database}.alpha_resv_table set `{column}` = null")
    assert reserved(page_at(server, once, now)) == {"course": (now - 100, now + 100, 0)}
    execute(server, f"update {database}.alpha_resv_table set flags = 18446744073709551615, tres = 'x', unused_wall = 1e300")
    assert reserved(page_at(server, once, now))["course"][2] == 1e300
    execute(server, f"alter table {database}.alpha_resv_table modify resv_name text null")
    execute(server, f"update {database}.alpha_resv_table set resv_name = null")
    assert reserved(page_at(server, once, now))[""][:2] == (now - 100, now + 100)
    execute(server, f"alter table {database}.alpha_resv_table drop column unused_wall, drop column nodelist, drop column flags")
    assert "" in reserved(page_at(server, once, now))


@pytest.mark.parametrize("release", ["20.11", "26.05"])
def test_sizes_of_tables(make: Callable[..., SlurmdbdWriter], server: PrivateMariaDB, once: RunOnce, release: str) -> None:
    """They are those of information_schema; rows are near what is there, once the server has counted them."""
    now = 1_741_676_400
    writer = make(release, now)
    rows, size, oldest = "slurmdbd_table_rows", "slurmdbd_table_bytes", "slurmdbd_oldest_job_timestamp_seconds"
    page = page_at(server, once, now)
    assert page.value(size, table="job_table") > 0 and not series(page, oldest)
    history.bulk_at(writer, 2000, now)
    execute(server, f"analyze table {server.database}.alpha_job_table")
    page = page_at(server, once, now)
    assert page.value(oldest) == writer.select("select min(time_end) as n from alpha_job_table where time_end > 0")[0]["n"]
    assert 1500 < page.value(rows, table="job_table") < 2500
    told = {
        row[0].removeprefix("alpha_"): (row[1], row[2])
        for row in query(
            server,
            "select table_name, table_rows, data_length + index_length from information_schema.tables"
            " where table_schema = %s and table_name like 'alpha\\_%%'",
            (server.database,),
        )
    }
    seen = shown(page, size, "table")
    assert {(table,): told[table][1] for (table,) in seen} == seen
    assert {(table,): told[table][0] for table in told if told[table][0] and (table,) in seen} == shown(page, rows, "table")
    expected = {"job_table", "step_table", "event_table", "assoc_usage_hour_table", "resv_table"}
    assert expected <= {table for (table,) in seen}
    assert ("qos_usage_hour_table" in {table for (table,) in seen}) == at_least(release, "24.11")
