"""Quotas where a real slurmctld cannot be had: what job rows no longer reach, percentages, columns that are missing, settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import RunOnce
from tests.integration.database import CAPACITY, Accounting, execute
from tests.integration.exporter import flags_for
from tests.integration.samples import Samples, check_text
from tests.support.mariadb import PrivateMariaDB
from tests.support.rollup import Rollup
from tests.support.session import ManualClock

DAY = 86_400
NOW = 1_750_000_000  # 2025-06-15 15:06:40 UTC
JUNE = 1_748_736_000
MIB = 2**20
USED = "slurmdbd_quota_used_tres_seconds"
LIMIT = "slurmdbd_association_limit"


@pytest.fixture
def accounting(server: PrivateMariaDB) -> Iterator[Accounting]:
    made = Accounting(server, clock=ManualClock(JUNE - 40 * DAY))
    yield made
    made.close()


def page_of(accounting: Accounting, once: RunOnce, **flags: object) -> Samples:
    wanted = {"as-of": NOW, "timezone": "UTC", "quota.decay-half-life": "0", "quota.reset-period": "monthly"}
    given = {name.replace("__", ".").replace("_", "-"): value for name, value in flags.items()}
    page = once(flags_for(accounting.server) | wanted | given)
    assert page.code == 0, page.log
    return check_text(page.text)


def ran(accounting: Accounting, end: int, seconds: int = 1000, cpus: int = 2) -> None:
    writer = accounting.writers["alpha"]
    job = writer.submit(writer.association("physics", "ada"), at=end - seconds - 1, cpus=cpus, mem_mb=cpus)
    writer.start(job, at=end - seconds)
    writer.end(job, at=end)


def test_a_period_begins_anew(accounting: Accounting, once: RunOnce) -> None:
    ran(accounting, JUNE - DAY)
    ran(accounting, JUNE + 10, 30)  # ten seconds of it in June
    ran(accounting, NOW - 100)
    page = page_of(accounting, once)
    assert page.value(USED, account="physics", user="", tres="cpu") == 20 + 2000
    assert page.value("slurmdbd_quota_usage_exact") == 1
    assert page.value("slurmdbd_quota_period_start_timestamp_seconds") == JUNE
    assert page.value("slurmdbd_quota_period_end_timestamp_seconds") == JUNE + 30 * DAY
    # Five and a half hours earlier in India.
    page = page_of(accounting, once, quota__timezone="alpha=Asia/Kolkata")
    assert page.value("slurmdbd_quota_period_start_timestamp_seconds") == JUNE - 19_800
    assert page.value(USED, account="physics", user="", tres="cpu") == 60 + 2000
    page = page_of(accounting, once, quota__reset_period="none")
    assert page.value(USED, account="physics", user="", tres="cpu") == 60 + 4000
    assert not list(page.matching("slurmdbd_quota_period_end_timestamp_seconds"))


def test_settings_of_another_cluster_do_not_apply(accounting: Accounting, once: RunOnce) -> None:
    ran(accounting, JUNE - DAY)
    ran(accounting, NOW - 100)
    page = page_of(accounting, once, quota__reset_period="beta=monthly", quota__usage_reset=f"beta/physics={NOW}")
    assert page.value(USED, account="physics", user="", tres="cpu") == 4000
    assert page.value("slurmdbd_quota_usage_exact") == 0  # nobody said how usage of alpha is reset
    page = page_of(accounting, once, quota__usage_reset=f"alpha/physics/ada={NOW - 150}")
    assert page.value(USED, account="physics", user="", tres="cpu") == 100


def test_what_was_purged_is_known_from_roll_ups(accounting: Accounting, once: RunOnce) -> None:
    writer = accounting.writers["alpha"]
    for day in range(1, 14):
        ran(accounting, JUNE + day * DAY + 5000)
    writer.clock.now = NOW  # type: ignore[attr-defined]
    Rollup(writer).run()
    whole = page_of(accounting, once)
    assert whole.value(USED, account="physics", user="", tres="cpu") == 13 * 2000
    assert whole.value("slurmdbd_quota_usage_exact") == 1
    database = accounting.server.database
    execute(accounting.server, f"delete from {database}.alpha_job_table where time_end < {JUNE + 6 * DAY}")
    page = page_of(accounting, once)
    assert page.value(USED, account="physics", user="", tres="cpu") == 13 * 2000
    assert page.value("slurmdbd_quota_usage_exact") == 0
    # With decay roll-ups weigh by when they were, to the month's mean.
    flags = {"quota__decay_half_life": "3d", "quota__reset_period": "none"}
    decayed = page_of(accounting, once, **flags).value(USED, account="physics", user="", tres="cpu")
    assert decayed is not None
    exactly = sum(2000 * 0.5 ** ((NOW - (JUNE + day * DAY + 4500)) / (3 * DAY)) for day in range(1, 14))
    assert decayed == pytest.approx(exactly, rel=0.03)


def test_jobs_older_than_the_history_are_known_from_roll_ups(accounting: Accounting, once: RunOnce) -> None:
    writer = accounting.writers["alpha"]
    for day in range(1, 30):
        ran(accounting, JUNE - day * DAY + 5000)
    ran(accounting, NOW - 100)
    writer.clock.now = NOW  # type: ignore[attr-defined]
    Rollup(writer).run()
    page = page_of(accounting, once, quota__reset_period="none", quota__history="5d")
    assert page.value(USED, account="physics", user="", tres="cpu") == 30 * 2000
    assert page.value("slurmdbd_quota_usage_exact") == 0


def test_percentages_are_amounts(accounting: Accounting, once: RunOnce) -> None:
    writer = accounting.writers["alpha"]
    writer.add_qos("half", grp_tres={"cpu": 50, "mem": 25}, grp_jobs=50, flags=1 << 10)
    page = page_of(accounting, once)
    assert page.value("slurmdbd_qos_limit_tres", qos="half", limit="GrpTRES", tres="cpu") == CAPACITY["cpu"] / 2
    assert page.value("slurmdbd_qos_limit_tres", qos="half", limit="GrpTRES", tres="mem") == CAPACITY["mem"] * MIB / 4
    assert page.value("slurmdbd_qos_limit", qos="half", limit="GrpJobs") == 50


def test_limits_at_the_edges(accounting: Accounting, once: RunOnce) -> None:
    writer = accounting.writers["alpha"]
    ada = writer.association("physics", "ada")
    writer.modify_association(ada, max_jobs=0, grp_jobs=-1, max_wall_pj=2**31 - 1, shares=2**31 - 1)
    execute(
        accounting.server,
        f"update {accounting.server.database}.alpha_assoc_table set grp_tres = '1=0,2=18446744073709551615,4=7,x', "
        f"grp_tres_mins = '1=18446744073709551613,2=5' where id_assoc = {ada.id}",
    )
    page = page_of(accounting, once)
    assert page.value(LIMIT, user="ada", limit="MaxJobs") == 0
    assert page.value(LIMIT, user="ada", limit="GrpJobs") is None
    assert page.value(LIMIT, user="ada", limit="MaxWall") == (2**31 - 1) * 60
    assert page.value("slurmdbd_association_shares", user="ada") is None
    assert {labels["tres"]: value for labels, value in page.matching(LIMIT + "_tres", user="ada", limit="GrpTRES")} == {"cpu": 0, "node": 7}
    assert page.value("slurmdbd_quota_limit_tres_seconds", user="ada", tres="mem") == 300 * MIB
    assert page.value("slurmdbd_quota_limit_tres_seconds", user="ada", tres="cpu") is None


def test_without_what_is_not_granted(accounting: Accounting, once: RunOnce) -> None:
    """Columns that are gone switch off what needs them, and nothing else."""
    ran(accounting, NOW - 100)
    database = accounting.server.database
    execute(
        accounting.server,
        f"alter table {database}.alpha_assoc_table drop column shares, drop column max_jobs, drop column max_tres_pj",
        f"alter table {database}.qos_table drop column usage_factor, drop column grp_tres, drop column flags, drop column mod_time",
        f"alter table {database}.alpha_event_table drop column tres",
        f"alter table {database}.alpha_job_table drop column timelimit",
    )
    page = page_of(accounting, once, **{"collector.disable-defaults": "true", "collector.quota": "true"})
    assert page.value(USED, account="physics", user="", tres="cpu") == 2000
    assert not list(page.matching("slurmdbd_association_shares"))


def test_a_cluster_without_quotas_reads_no_jobs_for_them(accounting: Accounting, once: RunOnce) -> None:
    ran(accounting, NOW - 100)
    writer = accounting.writers["alpha"]
    for account in ("physics", "chemistry"):
        writer.modify_association(writer.association(account), grp_tres_mins="")
    page = page_of(accounting, once, **{"collector.disable-defaults": "true", "collector.quota": "true"})
    assert not list(page.matching(USED)) and not list(page.matching("slurmdbd_quota_usage_exact"))
    assert page.value("slurmdbd_association_shares", account="physics", user="") == 1
