"""Rows as a database may really have them: NULL, broken text, numbers beyond 2^63, text that is no TRES string."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import RunOnce
from tests.integration.database import Accounting, execute, query
from tests.integration.exporter import OPENMETRICS, Exporter, flags_for
from tests.integration.samples import Samples, check_openmetrics, check_text
from tests.support.mariadb import PrivateMariaDB
from tests.support.session import ManualClock
from tests.support.values import INFINITE, INFINITE64, NO_VAL, NO_VAL64, JobState, StepId

NOW = 1_750_000_000
USED = "slurmdbd_account_tres_seconds_total"
ENDED = "slurmdbd_jobs_ended_total"
MB = 1024 * 1024


@pytest.fixture(scope="module")
def standing(tls_server: PrivateMariaDB) -> Iterator[Accounting]:
    """A database whose clock stands still."""
    accounting = Accounting(tls_server, clock=ManualClock(NOW))
    yield accounting
    accounting.close()


@pytest.fixture
def past(standing: Accounting) -> Accounting:
    """The same without jobs, for tests that change rows."""
    standing.clear()
    return standing


@pytest.fixture
def altered(server: PrivateMariaDB) -> Iterator[Accounting]:
    """A new one, for tests that change columns."""
    accounting = Accounting(server, clock=ManualClock(NOW))
    yield accounting
    accounting.close()


def page_of(accounting: Accounting, once: RunOnce, **flags: object) -> Samples:
    """The page as of NOW, in good form and without a failure."""
    page = once(flags_for(accounting.server, counter__epoch="2025-06-01") | {"as-of": NOW} | flags)
    assert page.code == 0, page.log
    return check_text(page.text)


def ran(accounting: Accounting, seconds: int = 100, *, end: int = NOW - 10, state: int = JobState.COMPLETED, **columns: Any):
    """A job of ada in physics that has ended; columns are changed afterwards, to whatever."""
    writer = accounting.writers["alpha"]
    job = writer.submit(writer.association("physics", "ada"), at=end - seconds - 1, cpus=1, mem_mb=1)
    writer.start(job, at=end - seconds)
    writer.end(job, state, at=end)
    return change(accounting, job, **columns)


def change(accounting: Accounting, job, **columns: Any):
    """Sets columns of a job's row to values that its writer would refuse."""
    if columns:
        writer = accounting.writers["alpha"]
        names = ", ".join(f"`{name}` = %s" for name in columns)
        writer.execute(f"update alpha_job_table set {names} where job_db_inx = %s", (*columns.values(), job.key))
    return job


def test_null_wherever_there_may_be_one(altered: Accounting, once: RunOnce) -> None:
    database = altered.server.database
    nullable = query(
        altered.server,
        "select table_name, column_name from information_schema.columns where table_schema = %s and is_nullable = 'YES'",
        (database,),
    )
    job = ran(altered)
    running = altered.writers["alpha"].submit(altered.writers["alpha"].association("physics", "ada"), at=NOW - 100)
    altered.writers["alpha"].start(running, at=NOW - 50)
    before = page_of(altered, once)
    per_table: dict[str, list[str]] = {}
    for table, column in nullable:
        per_table.setdefault(table, []).append(column)
    # NULL for "deleted" hides a cluster or a TRES: that is what Slurm's own queries make of it.
    for table, columns in per_table.items():
        kept = [column for column in columns if column != "deleted"]
        execute(altered.server, f"update {database}.`{table}` set {', '.join(f'`{column}` = null' for column in kept)}") if kept else None
    assert "account" in per_table["alpha_job_table"] and job.key
    after = page_of(altered, once)
    assert after.total(USED, account="physics", tres="cpu") == before.total(USED, account="physics", tres="cpu") == 150
    assert after.total("slurmdbd_jobs", state="running") == 1


def test_null_where_the_schema_allows_none(altered: Accounting, once: RunOnce) -> None:
    """Columns made nullable by hand: absent values are zero or empty, and never end the poll."""
    database = altered.server.database
    for column, kind in (("partition", "tinytext"), ("tres_alloc", "text"), ("tres_req", "text"), ("time_suspended", "bigint unsigned"),
                         ("time_eligible", "bigint unsigned"), ("id_qos", "int unsigned"), ("id_user", "int unsigned"),
                         ("id_assoc", "int unsigned"), ("timelimit", "int unsigned"), ("array_task_pending", "int unsigned")):  # fmt: skip
        execute(altered.server, f"alter table {database}.alpha_job_table modify `{column}` {kind} null")
    ran(altered)
    ran(altered, partition=None, tres_alloc=None, tres_req=None, time_suspended=None, time_eligible=None, id_qos=None, timelimit=None)
    page = page_of(altered, once)
    assert page.total(ENDED, state="completed") == 2
    assert page.total(ENDED, state="completed", partition="", qos="") == 1
    assert page.total(USED, tres="cpu") == 100


def test_null_in_steps(altered: Accounting, once: RunOnce) -> None:
    database = altered.server.database
    columns = query(
        altered.server,
        "select column_name, column_type from information_schema.columns where table_schema = %s and table_name = 'alpha_step_table'"
        " and column_name not in ('job_db_inx', 'id_step', 'step_het_comp')",
        (database,),
    )
    writer = altered.writers["alpha"]
    told, untold, partly = (ran(altered, end=NOW - 3600, tres_alloc="1=2,2=1000") for _ in range(3))
    for job in (told, untold, partly):
        writer.start_step(job, StepId.BATCH, at=NOW - 3700)
        writer.end_step(job, StepId.BATCH, at=NOW - 3600, user_cpu=50, peak_memory=100 * MB)
    for column, kind in columns:
        execute(altered.server, f"alter table {database}.alpha_step_table modify `{column}` {kind} null")
        execute(altered.server, f"update {database}.alpha_step_table set `{column}` = null where job_db_inx = {untold.key}")
    for column in ("task_cnt", "tres_usage_in_tot", "tres_usage_in_max", "user_usec", "sys_sec"):
        execute(altered.server, f"update {database}.alpha_step_table set `{column}` = null where job_db_inx = {partly.key}")
    page = page_of(altered, once)
    assert page.total("slurmdbd_account_cpu_used_seconds_total") == 100
    assert page.total("slurmdbd_job_cpu_efficiency_ratio_count") == 2
    assert page.total("slurmdbd_job_memory_efficiency_ratio_sum") == 0.1
    assert page.total("slurmdbd_jobs_unmeasured_total", reason="no_steps") == 1
    assert page.total("slurmdbd_jobs_unmeasured_total") == 1


def test_bytes_that_are_no_text(altered: Accounting, once: RunOnce) -> None:
    """Binary columns hand over what is in them; the page is UTF-8 all the same."""
    database = altered.server.database
    execute(altered.server, f"alter table {database}.alpha_job_table modify account tinyblob, modify `partition` tinyblob not null")
    execute(
        altered.server,
        f"alter table {database}.alpha_assoc_table modify user varbinary(255) not null, modify acct varbinary(255) not null",
    )
    execute(altered.server, f"alter table {database}.qos_table modify name varbinary(255) not null")
    ran(altered, partition=b"p\xff\xfe\xc3", account=b"\xe9t\xe9", id_assoc=999)
    ran(altered, seconds=200, partition=b"quote\" back\\slash\nnewline\ttab\x00nul\x1f", account=b"\xed\xa0\x80", id_assoc=998)
    ran(altered, seconds=50)
    execute(altered.server, f"update {database}.alpha_assoc_table set user = 0x61ff62, acct = 0xc328 where user = 'ada'")
    execute(altered.server, f"update {database}.qos_table set name = 0xf09f9880ff where id = 1")
    page = page_of(altered, once)
    assert page.total(USED, tres="cpu") == 350
    assert page.value(USED, tres="cpu", account="\ufffdt\ufffd", partition="p\ufffd\ufffd\ufffd") == 100
    assert page.total(USED, tres="cpu", partition="quote\" back\\slash\nnewline\ttab\ufffdnul\x1f") == 200
    assert page.total("slurmdbd_user_tres_seconds_total", tres="cpu", account="\ufffd(", user="a\ufffdb") == 50
    assert page.total(ENDED, qos="\U0001f600\ufffd") == 3


def test_latin1_columns_are_converted(altered: Accounting, once: RunOnce) -> None:
    database = altered.server.database
    execute(altered.server, f"alter table {database}.alpha_job_table modify `partition` varchar(100) character set latin1 not null")
    ran(altered, partition="größe")
    assert page_of(altered, once).total(USED, tres="cpu", partition="größe") == 100


@pytest.mark.parametrize("key", [2**63 - 1, 2**63, 2**63 + 12345, 2**64 - 2])
def test_keys_beyond_two_to_the_63(past: Accounting, once: RunOnce, key: int) -> None:
    writer = past.writers["alpha"]
    job = writer.submit(writer.association("physics", "ada"), at=NOW - 300)
    writer.start(job, at=NOW - 200)
    writer.suspend(job, at=NOW - 150)
    writer.resume(job, at=NOW - 120)
    execute(past.server, *(f"update {past.server.database}.alpha_{table}_table set job_db_inx = {key}" for table in ("job", "suspend")))
    page = page_of(past, once)
    assert page.value(USED, tres="cpu") == 170
    assert page.total("slurmdbd_jobs", state="running") == 1


def test_huge_counts(past: Accounting, once: RunOnce) -> None:
    """Sums are exact up to 2^128, and doubles on the page."""
    most = 2**64 - 4  # what is above stands for "not known"
    ran(past, seconds=1000, tres_alloc=f"1={most},2={most},4=1,3={NO_VAL64},5={INFINITE64},6={INFINITE64 - 2}")
    ran(past, seconds=1000, tres_alloc=f"1={most},4=1")
    page = page_of(past, once)
    assert page.value(USED, tres="cpu") == float(most * 2000)
    assert page.value(USED, tres="mem") == pytest.approx(float(most * 1000 * MB))
    assert page.value(USED, tres="node") == 2000
    for tres in ("energy", "billing", "fs/disk"):
        assert not page.total(USED, tres=tres)
    assert page.total("slurmdbd_account_energy_joules_total") == 0


def test_special_numbers_in_times_and_limits(past: Accounting, once: RunOnce) -> None:
    writer = past.writers["alpha"]
    ada = writer.association("physics", "ada")
    for special in (0, NO_VAL, INFINITE, NO_VAL64, INFINITE64):
        # They wait: throttled, held, or with a start that is only a forecast.
        waiting = writer.submit(ada, at=NOW - 100)
        change(past, waiting, time_eligible=special, time_start=special)
        running = writer.submit(ada, at=NOW - 100)
        writer.start(running, at=NOW - 100)
        change(past, running, time_eligible=special, timelimit=min(special, INFINITE))
        ran(past, time_eligible=special)
        # Cancelled before it could start, and repaired as a runaway while it was throttled.
        change(past, writer.submit(ada, at=NOW - 100), state=4, time_end=NOW - 5, time_start=special, time_eligible=special)
    page = page_of(past, once)
    assert page.total("slurmdbd_jobs", state="pending") == 5
    assert page.total("slurmdbd_jobs", state="running") == 5
    assert page.total(USED, tres="cpu") == 5 * 100 + 5 * 100
    assert page.total(ENDED, state="completed") == 5
    assert page.total(ENDED, state="cancelled") == 5
    assert page.total("slurmdbd_jobs_started_total") == 10
    assert page.value("slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds") is None
    assert not page.total("slurmdbd_jobs_committed_tres_seconds", tres="cpu")


@pytest.mark.parametrize("end", [INFINITE, NO_VAL, NO_VAL64, INFINITE64, NOW + 10**6])
def test_an_end_in_the_future(past: Accounting, once: RunOnce, end: int) -> None:
    """A clock that was wrong, or a repaired row: not over yet, and it breaks nothing."""
    ran(past, time_end=end)
    ran(past)
    page = page_of(past, once)
    assert page.total(ENDED, state="completed") == 1
    assert page.total(USED, tres="cpu") == 100 + 110


def test_impossible_times(past: Accounting, once: RunOnce) -> None:
    """Ended before it started, suspended for longer than it ran: it ran for 0 seconds, not for 2^64."""
    ran(past, time_start=NOW + 50)
    ran(past, time_suspended=10_000)
    ran(past, time_suspended=NO_VAL64)
    page = page_of(past, once)
    assert page.total(ENDED, state="completed") == 3
    assert page.total(USED, tres="cpu") == 0


def test_unknown_ids(past: Accounting, once: RunOnce) -> None:
    ran(past, id_assoc=4_000_000_000, id_user=4_000_000_001, account="ghosts")
    ran(past, id_assoc=0, id_user=0, account="", id_qos=0)
    ran(past, id_qos=4_000_000_002)
    ran(past, tres_alloc="1=1,1777=3,4294967295=2")
    page = page_of(past, once)
    assert page.total(USED, account="ghosts", tres="cpu") == 100
    assert page.total("slurmdbd_user_tres_seconds_total", account="ghosts", user="4000000001", tres="cpu") == 100
    assert page.total(USED, account="", qos="", tres="cpu") == 100
    assert page.total(USED, qos="4000000002", tres="cpu") == 100
    assert page.total(USED, tres="tres/1777") == 300
    assert page.total(USED, tres="tres/4294967295") == 200
    assert page.total(USED, tres="cpu") == 400


@pytest.mark.parametrize(
    ("text", "cpus", "nodes"),
    [
        ("", 0, 0),
        (",1=2,4=1,", 2, 1),
        (",,4=1,,1=2", 2, 1),
        ("1=2,1=9,4=1", 2, 1),  # the first one counts
        ("1001=7,1=2", 2, 0),
        ("1=2,nonsense,4=1", 2, 0),  # what follows malformed text is not read
        ("1=2;4=1", 0, 0),
        ("1=-2,4=1", 0, 0),
        ("1=2.5,4=1", 0, 0),
        ("1=99999999999999999999999,4=1", 0, 0),
        ("=", 0, 0),
        ("1=", 0, 0),
        ("cpu=4", 0, 0),
        ("x" * 60_000, 0, 0),
        ("1=2,4=1\n", 2, 0),
        (f"1={NO_VAL64},1=5,4=1", 0, 1),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_text_that_is_no_tres(past: Accounting, once: RunOnce, text: str, cpus: int, nodes: int) -> None:
    ran(past, tres_alloc=text)
    page = page_of(past, once)
    assert page.total(USED, tres="cpu") == 100 * cpus
    assert page.total(USED, tres="node") == 100 * nodes
    assert page.total(ENDED, state="completed") == 1


def test_unknown_states(past: Accounting, once: RunOnce) -> None:
    for state in (12, 255, 1024, 8192, 524288, 2**32 - 1):
        ran(past, state=state)
    page = page_of(past, once)
    assert page.total(ENDED) == 6
    assert page.total(USED, tres="cpu") == 600
    assert page.label_values("state", ENDED) >= {"requeued", "resizing", "revoked", "unknown"}


def test_a_flag_that_is_not_known_yet(past: Accounting, once: RunOnce) -> None:
    """A row that has ended and used something is not pending, whatever its state says."""
    ran(past, state=1 << 20)
    page = page_of(past, once)
    assert page.total(USED, tres="cpu") == 100
    assert page.total(ENDED, state="pending") == 0
    assert page.total(ENDED) == 1


def test_odd_rows_in_openmetrics_too(accounting: Accounting, start) -> None:
    ran(accounting, end=accounting.clock(), partition='a"b\\c\nd', account="\u2028", id_assoc=999)
    exporter: Exporter = start(flags_for(accounting.server))
    exporter.wait_for(lambda page: page.total(ENDED), "the job")
    check_openmetrics(exporter.fetch(OPENMETRICS)[1])
    check_text(exporter.fetch()[1])
