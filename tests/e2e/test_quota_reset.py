"""Quotas across a real end of PriorityUsageResetPeriod: all of Slurm lives at the end of a month that is over.

    python3 -m tests.e2e.test_quota_reset      # 0 well, 1 something differs, 77 it cannot be run here; two minutes, needs root

libfaketime tells Slurm's daemons and commands that it is an hour before a month's end, then that only seconds are left. slurmctld
resets what it has counted, while a job runs; what it holds against quotas before, then and afterwards is compared with the exporter's
page as of that time.
"""

from __future__ import annotations

import contextlib
import glob
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.e2e import judge, servers
from tests.e2e.test_quota import CALC_PERIOD, MINUTE, PLENTY, Page, Report, Site, compare_used, judged, used_by_slurmctld
from tests.support.mariadb import PrivateMariaDB
from tests.support.slurm import Account, PrivateSlurm, wait_until

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
ACCOUNTS = (Account("science"), Account("physics", "science", ("games",)), Account("chemistry", "science", ("mail",)))
BEFORE, AT_LAST = 3600, 20  # seconds before the month's end
RUNS_ON = 25  # seconds of the new month that a job goes on
QUIET = ("chemistry",)  # account in which nothing runs at the month's end


class Clock:
    """What Slurm takes for the time: the real one, less a number of seconds that a file says."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._file = folder / "clock"
        self._late = 0
        (library,) = glob.glob(LIBRARY)
        self.environment = {
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }  # fmt: skip

    def set(self, instant: int) -> None:
        self._late = int(time.time()) - instant
        new = self._file.with_suffix(".new")
        new.write_text(f"-{self._late}\n")
        new.chmod(0o644)
        new.replace(self._file)  # never half written

    def now(self) -> int:
        return int(time.time()) - self._late


def end_of_a_month() -> int:
    """The last one that is over for an hour."""
    day = datetime.now(UTC) - timedelta(hours=1)
    return int(day.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())


def page(site: Site, clock: Clock, *more: str) -> Page:
    return site.page(f"--as-of={clock.now()}", *more)


def quiet(figures: dict) -> dict:
    return {key: value for key, value in figures.items() if key[0][1] in QUIET}


def run(report: Report, stack: contextlib.ExitStack, told: Callable[[str], None]) -> None:
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-reset-")))
    folder.chmod(0o755)  # jobs of other users read the clock
    clock, end = Clock(folder), end_of_a_month()
    clock.set(end - BEFORE)
    database = stack.enter_context(PrivateMariaDB())
    slurm = stack.enter_context(
        PrivateSlurm(
            database.port, password=database.passwords["slurm"], clusters=("alpha",), accounts=ACCOUNTS, environment=clock.environment,
            slurm_conf="SlurmdTimeout=0",  # nodes seem silent when the clock leaps
        )
    )  # fmt: skip
    site, alpha = Site(slurm, database, folder), slurm.first
    conf = pathlib.Path(alpha.env["SLURM_CONF"])
    conf.write_text(conf.read_text().replace("PriorityUsageResetPeriod=NONE", "PriorityUsageResetPeriod=MONTHLY"))
    alpha.scontrol("reconfigure")
    for account in ("science", "physics", "chemistry"):
        slurm.sacctmgr("modify", "account", account, "cluster=alpha", "set", f"GrpTRESMins={PLENTY}", "GrpWall=1000000")
    told("Slurm is up, in another month")

    def finish(*jobs: int) -> None:
        for job in jobs:
            alpha.wait_for_state(job, "COMPLETED", seconds=120)
        wait_until(lambda: site.settled(alpha), "slurmdbd to know of the end")

    finish(
        alpha.sbatch("sleep 5", user="games", account="physics", partition="cpu", ntasks=3, time=5),
        alpha.sbatch("sleep 7", user="mail", account="chemistry", partition="cpu", mem="3000M", time=5),
    )
    compare_used(report, "used in the month that ends", alpha, page(site, clock))
    old = quiet(page(site, clock).quotas("used"))

    clock.set(end - AT_LAST)
    job = alpha.sbatch(f"sleep {AT_LAST + RUNS_ON}", user="games", account="physics", partition="cpu", ntasks=2, time=5)
    alpha.wait_for_state(job, "RUNNING")
    if clock.now() >= end:
        raise servers.ServerError("the job began too late")
    wait_until(lambda: not any(quiet(used_by_slurmctld(alpha)[0]).values()), "slurmctld to reset", AT_LAST + 3 * CALC_PERIOD, 1)
    told("the month is over")
    finish(job)
    report.check("slurmctld did not reset before the month's end", clock.now() > end, f"{clock.now() - end} s")

    after = page(site, clock)
    used, _ = used_by_slurmctld(alpha)
    report.equal("used by whom did not run since the month's end", {key: 0 for key in old}, quiet(after.quotas("used")))
    (row,) = slurm.sacct("-X", "-D", "-j", str(job), fields=("Start", "End", "AllocTRES"))
    began, ended = int(row["Start"]), int(row["End"])
    report.check("a job ran across the month's end", began < end < ended, f"{began - end}, {ended - end}")
    for tres, count in judge.tres(row["AllocTRES"]).items():
        whole = count // servers.MIB if tres == "mem" else count
        for account in ("physics", "science"):
            whose = ("alpha", account, "", "")
            seconds = after.quotas("used")[whose, tres]
            report.check("what ran across counts from the month's end on", seconds == whole * (ended - end), f"{account} {tres}: {seconds} s")
            apart = abs(used[whose, tres] - seconds / MINUTE)
            report.check("slurmctld is apart by no more than its period", apart <= whole * CALC_PERIOD / MINUTE + 1, f"{account} {tres}: {apart} min")
    never = quiet(page(site, clock, "--quota.reset-period=none").quotas("used"))
    report.check("without a reset it would be seen", all(never[key] >= old[key] > 0 for key in old if old[key]), f"{old} {never}")
    exact = [value for labels, value in after.samples["slurmdbd_quota_usage_exact"]]
    report.check("usage is said to be exact", exact == [1], f"{exact}")
    starts = [value for _, value in after.samples["slurmdbd_quota_period_start_timestamp_seconds"]]
    report.check("the period began at the month's end", starts == [end], f"{starts}")

    finish(alpha.sbatch("sleep 8", user="mail", account="chemistry", partition="cpu", ntasks=2, mem="2000M", time=5))
    then = page(site, clock)
    used, _ = used_by_slurmctld(alpha)
    for (whose, tres), seconds in quiet(then.quotas("used")).items():
        want, have = used[whose, tres], seconds / MINUTE
        right = abs(want - have) <= 0.0101 if tres == "wall" else want == int(have)
        report.check("used in the new month", right, f"{whose} {tres}: slurmctld {want} min, exporter {seconds} s")
    report.check("something was used in the new month", any(quiet(then.quotas("used")).values()), "nothing")
    told("a job has run in the new month")


LEAST = {"used in the month that ends": 15, "used in the new month": 5, "what ran across counts from the month's end on": 6}


def main() -> int:
    reason = servers.unavailable() or (None if glob.glob(LIBRARY) else "libfaketime not installed (deploy/packages.sh test)")
    if reason:
        print(f"skipped: {reason}")
        return 77
    return judged(run, LEAST)


if __name__ == "__main__":
    sys.exit(main())
