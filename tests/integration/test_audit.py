"""Transactions, administrators and what holds together or not, as a database may have them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.conftest import SECRETS, RunOnce, Start
from tests.integration.database import Accounting, database_user, execute, query
from tests.integration.exporter import DAY, PASSWORD_VARIABLE, Once, flags_for
from tests.integration.samples import Samples, check_text
from tests.support.mariadb import PrivateMariaDB
from tests.support.rollup import Rollup
from tests.support.session import ManualClock
from tests.support.values import Action, ReservationFlag

NOW = 1_750_032_000 + 5 * 3600  # 05:00 UTC
TODAY = NOW - 5 * 3600
COUNTED = "slurmdbd_transactions_total"
DIFFERS = "slurmdbd_usage_discrepancy_tres_seconds"
FAMILIES = {
    COUNTED, "slurmdbd_administrators", "slurmdbd_administrator_info", "slurmdbd_jobs_without_association",
    "slurmdbd_usage_gap_seconds", DIFFERS, "slurmdbd_runaway_jobs", "slurmdbd_oldest_record_timestamp_seconds",
    "slurmdbd_database_clock_skew_seconds",
}  # fmt: skip


@pytest.fixture
def past(server: PrivateMariaDB) -> Iterator[Accounting]:
    """A new database at NOW: yesterday one job, one reservation and one transaction, and a roll-up."""
    clock = ManualClock(TODAY - 2 * DAY)
    accounting = Accounting(server, clock=clock)
    writer = accounting.writers["alpha"]
    ada = writer.association("physics", "ada")
    writer.add_reservation("class", TODAY - DAY + 7200, TODAY - DAY + 10_800, {"cpu": 8}, [ada, writer.association("chemistry", "marie")])
    clock.now = TODAY - DAY + 600
    job = writer.submit(ada, cpus=2)
    writer.start(job)
    clock.advance(1000)
    writer.end(job)
    writer.record_transaction(Action.MODIFY_USERS, "(name='ada')", actor="marie")
    clock.now = NOW
    Rollup(writer).run()
    yield accounting
    accounting.close()


def once_of(accounting: Accounting, once: RunOnce, **flags: object) -> Once:
    done = once(flags_for(accounting.server, **{"counter__epoch": "2025-06-01", "as_of": NOW} | flags))
    assert done.code == 0, done.log
    return done


def page_of(accounting: Accounting, once: RunOnce, **flags: object) -> Samples:
    return check_text(once_of(accounting, once, **flags).text)


def test_all_of_it_is_there(past: Accounting, once: RunOnce) -> None:
    page = page_of(past, once)
    assert FAMILIES <= page.names()
    assert page.value(COUNTED, cluster="alpha", action="modify_users", actor="marie") == 1
    assert page.value(DIFFERS, tres="cpu", cause="reservation") == 8 * 3600
    assert page.value(DIFFERS, tres="cpu", cause="unexplained") == 0
    assert page.value("slurmdbd_usage_gap_seconds") == 0
    assert page.total("slurmdbd_runaway_jobs") == 0


def test_a_reservation_that_ignores_jobs_is_charged_too(past: Accounting, once: RunOnce) -> None:
    """Of a day without it in the roll-up: what it would have added is missing."""
    writer = past.writers["alpha"]
    writer.add_reservation("more", TODAY - 7200, TODAY - 3600, {"cpu": 3}, [writer.association("physics", "ada")], flags=ReservationFlag.IGNORE_JOBS)
    page = page_of(past, once)
    assert page.value(DIFFERS, tres="cpu", cause="unexplained") == -3 * 3600


NULLABLE = {
    "txn_table": ("timestamp", "action", "actor", "cluster", "name"),
    "user_table": ("admin_level",),
    "alpha_resv_table": ("assoclist", "flags", "time_end", "tres"),
    "alpha_usage_hour_table": ("alloc_secs",),
}


@pytest.mark.parametrize("table", NULLABLE)
def test_null_everywhere(past: Accounting, once: RunOnce, table: str) -> None:
    """Columns that may be NULL in some release or after a repair by hand."""
    server = past.server
    for column in NULLABLE[table]:
        (kind,) = query(server, "select column_type from information_schema.columns where table_schema = %s and table_name = %s and column_name = %s", (server.database, table, column))[0]
        name = f"{server.database}.`{table}`"
        execute(server, f"alter table {name} modify `{column}` {kind} null", f"update {name} set `{column}` = null")
    page = page_of(past, once)
    assert page.success("audit") == 1
    assert FAMILIES - {COUNTED, "slurmdbd_administrator_info"} <= page.names()


def test_unnamed_actions_and_odd_actors(past: Accounting, once: RunOnce) -> None:
    writer = past.writers["alpha"]
    for actor in ('a"b\\c', "", "nobody\n", "x" * 200):
        writer.record_transaction(1499, "?", actor=actor)
    page = page_of(past, once)
    assert page.total(COUNTED, action="action_1499") == 4


def test_clusters_that_are_not_watched_or_gone(past: Accounting, once: RunOnce) -> None:
    writer = past.writers["alpha"]
    for cluster in ("", "alpha", "old", "hidden"):
        number = writer.record_transaction(Action.ADD_WCKEYS, "x")
        writer.execute("update txn_table set cluster = %s where id = %s", (cluster, number))
    page = page_of(past, once, cluster_exclude="hidden")
    assert {labels["cluster"] for labels, _ in page.matching(COUNTED, action="add_wckeys")} == {"all", "alpha", "old"}


def test_actors_follow_the_user_label(past: Accounting, once: RunOnce) -> None:
    """Who is not shown has made the change all the same."""
    for flags in ({"user_label": "none"}, {"user_exclude": "marie"}, {"user_label": "hash"}):
        page = page_of(past, once, **flags)
        assert page.total(COUNTED, action="modify_users") == 1
        assert "marie" not in {labels["actor"] for labels, _ in page.matching(COUNTED)}


def test_as_of_leaves_out_what_came_later(past: Accounting, once: RunOnce) -> None:
    past.clock.now = NOW + 1  # type: ignore[attr-defined]
    past.writers["alpha"].record_transaction(Action.MODIFY_USERS, "x", actor="marie")
    page = once(flags_for(past.server, counter__epoch="2025-06-01") | {"as-of": NOW}).samples
    assert page.total(COUNTED, action="modify_users") == 1


def test_without_privileges_the_rest_is_there(past: Accounting, once: RunOnce) -> None:
    """What cannot be read is absent, never 0."""
    server = past.server
    left_out = {"txn_table", "user_table", "alpha_resv_table"}
    tables = [row[0] for row in query(server, "select table_name from information_schema.tables where table_schema = %s", (server.database,))]
    with database_user(server, "narrow", "narrow", rights="usage on *.*") as user:
        for host in ("127.0.0.1", "localhost"):
            execute(server, *(f"grant select on `{server.database}`.`{table}` to {user}@'{host}'" for table in tables if table not in left_out))
        done = once(
            flags_for(server, counter__epoch="2025-06-01", database__user=user) | {"as-of": NOW}, {**SECRETS, PASSWORD_VARIABLE: "narrow"}
        )  # fmt: skip
    page = check_text(done.text)
    assert page.success("audit") == 1, done.log  # that of reservations fails
    assert not {COUNTED, "slurmdbd_administrators", "slurmdbd_administrator_info", DIFFERS} & page.names()
    assert {"slurmdbd_runaway_jobs", "slurmdbd_usage_gap_seconds", "slurmdbd_jobs_without_association"} <= page.names()
    assert page.value("slurmdbd_exporter_missing_columns") == 6
    assert "alpha_resv_table.assoclist" in done.log


def test_a_transaction_that_is_committed_late(accounting: Accounting, start: Start) -> None:
    writer = accounting.writers["alpha"]
    exporter = start(flags_for(accounting.server))
    before = exporter.page().total(COUNTED)
    held = accounting.server.connect()
    held.begin()
    with held.cursor() as cursor:
        cursor.execute("insert into txn_table (timestamp, action, name, actor, cluster) values (%s, 1451, 'x', 'slow', '')", (int(time.time()),))
        writer.record_transaction(Action.MODIFY_QOS, "y", actor="quick")
        page = exporter.wait_for(lambda page: page.total(COUNTED) == before + 1, "the quick one")
        assert page.total(COUNTED, actor="slow") == 0
        exporter.wait_for_polls(2)
        held.commit()
    page = exporter.wait_for(lambda page: page.total(COUNTED) == before + 2, "the slow one")
    assert page.value(COUNTED, cluster="all", action="modify_qos", actor="slow") == 1
    assert exporter.wait_for_polls(2).total(COUNTED) == before + 2
    held.close()
