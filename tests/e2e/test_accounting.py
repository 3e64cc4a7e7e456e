"""Real jobs in a real Slurm: do the exporter's numbers equal sacct's and squeue's, and Prometheus' the exporter's?

    /usr/bin/python3 -m tests.e2e.test_accounting        # or through pytest; about two and a half minutes, needs root

Two clusters run jobs of every fate (scenario.py). At a quiet instant, with jobs running, suspended and waiting, the page of
`--once --as-of` is compared with sacct as of that instant, and the page as of an instant in the middle with sacct's answer
for then. When all is over, the sums that a Prometheus answers, which scraped a serving exporter all the time, are compared
with sacct's. All of it exactly: every number is whole.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from prometheus_client.openmetrics import parser as openmetrics_parser  # noqa: E402

from tests.e2e import judge, scenario, servers  # noqa: E402
from tests.e2e.comparison import Comparison  # noqa: E402
from tests.support import slurm as slurm_support  # noqa: E402
from tests.support.mariadb import PrivateMariaDB  # noqa: E402
from tests.support.slurm import PrivateSlurm, SlurmError, free_port  # noqa: E402

# The second has the same job ids, and a name that SQL must quote.
CLUSTERS = ("alpha", "beta-2")
SETTLE = 10  # of the serving exporter: records of jobs arrive up to about 5 s late
COUNTERS = ("slurmdbd_account_tres_seconds_total", "slurmdbd_user_tres_seconds_total", "slurmdbd_jobs_started_total",
            "slurmdbd_jobs_ended_total", "slurmdbd_jobs_ended_tres_seconds_total", "slurmdbd_job_wait_seconds_bucket",
            "slurmdbd_job_run_seconds_sum")  # fmt: skip
Totals = dict[tuple[str, ...], int]


# What is compared: kind, metric, labels, sacct's answer, fewest numbers. The labels of a metric with TRES end with "tres".
Wanted = Iterator[tuple[str, str, tuple[str, ...], Totals, int]]


def consumption(rows: list[judge.Row]) -> Wanted:
    account, user = "slurmdbd_account_tres_seconds_total", "slurmdbd_user_tres_seconds_total"
    for kind, metric, by, least in (
        ("consumed per cluster", account, ("cluster",), 10),
        ("consumed per account", account, ("cluster", "account"), 20),
        ("consumed per partition", account, ("cluster", "partition"), 15),
        ("consumed per QOS", account, ("cluster", "qos"), 20),
        ("consumed per account, partition and QOS", account, ("cluster", "account", "partition", "qos"), 40),
        ("consumed per user", user, ("cluster", "user"), 20),
        ("consumed per account and user", user, ("cluster", "account", "user"), 30),
    ):
        yield kind, metric, (*by, "tres"), judge.consumed(rows, by), least


def outcomes(rows: list[judge.Row], at: int | None = None) -> Wanted:
    by = ("cluster", "partition", "account", "qos")
    yield "started", "slurmdbd_jobs_started_total", by, judge.started(rows, by, at), 10
    by = (*by, "state")
    yield "ended by state", "slurmdbd_jobs_ended_total", by, judge.ended(rows, by, at), 10
    by = ("cluster", "partition", "account", "state")
    metric = "slurmdbd_jobs_ended_tres_seconds_total"
    yield "consumed, by final state", metric, (*by, "tres"), judge.lost(rows, by, at), 20
    by = ("cluster", "partition", "qos")
    for kind, name, bounds, value in (
        ("wait", "slurmdbd_job_wait_seconds", judge.WAITS, lambda row: judge.wait(row, at)),
        ("run", "slurmdbd_job_run_seconds", judge.RUNS, lambda row: judge.run(row, at)),
        ("share of the time limit", "slurmdbd_job_timelimit_used_ratio", judge.SHARES, lambda row: judge.share(row, at)),
    ):
        yield f"rows by {kind}", f"{name}_bucket", (*by, "le"), judge.cumulative(rows, by, bounds, value), 40
        if kind != "share of the time limit":
            yield f"sum of {kind}", f"{name}_sum", by, judge.total(rows, by, lambda row, value=value: value(row) or 0), 1


def presence(rows: list[judge.Row]) -> Wanted:
    for state, least, least_by_user in (("running", 5, 5), ("pending", 5, 4), ("suspended", 1, 1)):
        chosen = [row for row in rows if row.state == state]
        by = ("cluster", "partition", "account", "qos", "state")
        yield state, "slurmdbd_jobs", by, judge.present(chosen, by), least
        yield f"TRES of {state} jobs", "slurmdbd_jobs_tres", (*by, "tres"), judge.present_tres(chosen, by), 4
        by = ("cluster", "account", "user", "state")
        yield f"{state} per user", "slurmdbd_user_jobs", by, judge.present(chosen, by), least_by_user
        yield f"TRES of {state} jobs per user", "slurmdbd_user_jobs_tres", (*by, "tres"), judge.present_tres(chosen, by), 4


class Run:
    """The servers of one run and what is compared with them."""

    def __init__(self, folder: pathlib.Path, database: PrivateMariaDB, slurm: PrivateSlurm) -> None:
        self.database, self.slurm, self.comparison = database, slurm, Comparison()
        self.epoch = int(time.time()) - 60
        self.exporter = servers.Exporter(
            folder,
            free_port(slurm.ports),
            {
                "database.host": "127.0.0.1",
                "database.port": database.port,
                "database.name": database.database,
                "database.user": servers.USER,
                "database.password-file": servers.password_file(folder),
                "timezone": "UTC",
                "counter.epoch": servers.rfc3339(self.epoch),
            },
        )
        self.prometheus = servers.Prometheus(folder, free_port(slurm.ports), f"127.0.0.1:{self.exporter.port}")

    def __enter__(self) -> Run:
        try:
            self.exporter.start(poll__interval="1s", counter__settle=f"{SETTLE}s")
            self.prometheus.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.prometheus.stop()
        finally:
            self.exporter.stop()

    def against_page(self, how: str, page: servers.Page, rows: list[judge.Row], wanted: Wanted) -> None:
        for kind, metric, by, expected, least in wanted:
            actual = page.totals(metric, by)
            if "state" in by and kind not in ("ended by state", "consumed, by final state"):
                actual = of_state(actual, by, kind)

            def evidence(key: tuple[str, ...], metric: str = metric, by: tuple[str, ...] = by) -> str:
                return "\n".join([*rows_of(rows, by, key), *page.lines(metric, dict(zip(by, key, strict=True)))])

            self.comparison.compare(f"{kind} ({how})", expected, actual, least, evidence=evidence)

    def against_prometheus(self, rows: list[judge.Row], wanted: Wanted) -> None:
        for kind, metric, by, expected, least in wanted:
            actual = self.prometheus.totals(metric, by)
            if "state" in by and kind not in ("ended by state", "consumed, by final state"):
                actual = of_state(actual, by, kind)

            def evidence(key: tuple[str, ...], by: tuple[str, ...] = by) -> str:
                return "\n".join(rows_of(rows, by, key))

            self.comparison.compare(f"{kind} (PromQL)", expected, actual, least, evidence=evidence)

    def at_a_quiet_instant(self) -> None:
        """Jobs run, wait and are suspended; nothing starts or ends for a while."""
        for _ in range(10):
            now = int(time.time())
            rows = judge.read(self.slurm)
            events = [moment for row in rows for moment in (row.submit, row.start, row.end) if moment is not None]
            if now - max(events) > SETTLE + 3 and scenario.settled(self.slurm):
                break
            time.sleep(2)
        else:
            raise SlurmError("jobs keep starting or ending: there is no quiet instant")
        at = int(time.time()) - 3
        page = self.exporter.once(at)
        self.wait_for_poll(at)
        rows = judge.read(self.slurm, at)
        assert not [row for row in rows if max(row.submit, row.start or 0, row.end or 0) > at], "it was not quiet"
        states = {row.state for row in rows}
        assert states == scenario.FATES | set(judge.OPEN_STATES), states

        by = ("cluster", "account", "user", "partition", "qos", "state")
        self.comparison.compare(
            "waiting, running, suspended: sacct = squeue",
            judge.queue(self.slurm.clusters.values(), by),
            judge.present(rows, by),
            10,
            evidence=lambda key: "\n".join(rows_of(rows, by, key)),
        )
        self.check_judge(rows, at, "at the quiet instant")
        self.against_page("--once", page, rows, consumption(rows))
        self.against_page("--once", page, rows, outcomes(rows))
        self.against_page("--once", page, rows, presence(rows))
        self.against_prometheus(rows, presence(rows))
        for metric in ("slurmdbd_jobs", "slurmdbd_user_jobs"):
            other = page.totals(metric, ("state",)).keys() - {(state,) for state in judge.OPEN_STATES}
            self.comparison.check("jobs are in no other state (--once)", not other, f"{metric}: {sorted(other)}")
        self.check_formats(page)

    def at_an_earlier_instant(self, at: int) -> None:
        page = self.exporter.once(at)
        rows = judge.read(self.slurm, at)
        self.check_judge(rows, at, "at an earlier instant")
        self.against_page("--once, earlier", page, rows, consumption(rows))
        self.against_page("--once, earlier", page, rows, outcomes(rows, at))

    def at_the_end(self) -> None:
        scenario.finish(self.slurm)
        end = int(time.time())
        rows = judge.read(self.slurm)
        assert not [row for row in rows if row.end is None], "not all jobs are over"
        self.wait_for_poll(end + SETTLE + 1)
        self.against_prometheus(rows, consumption(rows))
        self.against_prometheus(rows, outcomes(rows))
        for metric in ("slurmdbd_jobs", "slurmdbd_user_jobs"):
            left = self.prometheus.totals(metric, ("cluster", "state"))
            self.comparison.check("no job is left (PromQL)", not any(left.values()), f"{metric}: {left}")
        for metric in COUNTERS:
            fell = self.prometheus.query(f"resets({metric}[10m]) > 0")
            self.comparison.check("no counter ever fell (PromQL)", not fell, f"{metric}: {fell}")
        answered = self.prometheus.query("avg_over_time(up[10m])")[0][1]
        # A busy machine may take longer than a second once in a while.
        self.comparison.check("scrapes are answered (PromQL)", answered > 0.95, f"{answered}: {self.exporter.log_tail()}")

    def efficiency_is_what_seff_says(self) -> None:
        """seff's formula of this release, worked out of what sacct prints."""
        slurm_support.wait_until(lambda: self.open_steps() == 0, "the records of all steps", 60)
        uses = judge.use(self.slurm)
        page = self.exporter.once(int(time.time()))
        told = "\n".join(one.text for one in uses)
        measured = [one for one in uses if one.unmeasured is None]
        sampled = [one for one in measured if one.peak]
        by = ("cluster", "account", "reason")
        unmeasured = judge.total((one for one in uses if one.unmeasured), ("cluster", "account", "unmeasured"), lambda _: 1)
        actual = page.totals("slurmdbd_jobs_unmeasured_total", by)
        self.comparison.compare("rows that cannot be measured, by reason", unmeasured, actual, 2, evidence=lambda _: told)
        by = ("cluster", "partition", "account")
        for kind, rows, share in (
            ("CPU", measured, lambda one: one.cpu / one.available),
            ("memory", sampled, lambda one: one.peak / one.requested),
        ):
            metric = f"slurmdbd_job_{kind.lower()}_efficiency_ratio"
            buckets = judge.cumulative(rows, by, judge.EFFICIENCIES, share)
            actual = page.totals(f"{metric}_bucket", (*by, "le"))
            self.comparison.compare(f"rows by efficiency of {kind}: seff", buckets, actual, 30, evidence=lambda _: told)
            # sacct cuts CPU to milliseconds, and we cut shares to millionths.
            self.close(f"sum of efficiency of {kind}: seff", rows, by, share, page.sums(f"{metric}_sum", by), lambda one: 0.001 / one.available + 1e-6)
        by = ("cluster", "account")
        for what, amount in (("used", lambda one: one.cpu), ("idle", lambda one: max(0.0, one.available - one.cpu))):
            actual = page.sums(f"slurmdbd_account_cpu_{what}_seconds_total", by)
            self.close(f"CPU {what}: sacct", measured, by, amount, actual, lambda one: 0.001)
        self.comparison.check("somebody was busy", max(one.cpu / one.available for one in measured) > 0.2, told)
        self.comparison.check("somebody used memory", max(one.peak / one.requested for one in sampled) > 0.3, told)

    def close(
        self,
        what: str,
        rows: list[judge.Use],
        by: Sequence[str],
        amount: Callable[[judge.Use], float],
        actual: dict[tuple[str, ...], float],
        slack: Callable[[judge.Use], float],
    ) -> None:
        """Sums of fractions are equal but for the slack of each row."""
        for key in sorted({tuple(getattr(one, label) for label in by) for one in rows}):
            mine = [one for one in rows if tuple(getattr(one, label) for label in by) == key]
            want, have = sum(map(amount, mine)), actual.get(key, 0.0)
            right = abs(want - have) <= sum(map(slack, mine)) + 1e-9
            self.comparison.check(what, right, f"{'/'.join(key)}: judge {want}, exporter {have}\n" + "\n".join(one.text for one in mine))

    def open_steps(self) -> int:
        """Of jobs that have ended, but for those that were resized: their steps began in another row."""
        ask = "select count(*) from `{0}_step_table` s join `{0}_job_table` j using (job_db_inx)"
        ask += " where s.state < 3 and j.time_end > 0 and j.state != 8192"
        connection = self.database.connect()
        try:
            with connection.cursor() as cursor:
                return sum((cursor.execute(ask.format(name)), cursor.fetchone()[0])[1] for name in CLUSTERS)
        finally:
            connection.close()

    def usage_is_what_sreport_will_say(self) -> None:
        """What is counted from jobs since the last roll-up is what sreport says once slurmdbd has rolled them up, all over."""
        by_account, by_user = ("cluster", "account", "tres"), ("cluster", "account", "user", "tres")
        page = servers.Page(self.exporter.scrape())
        accounts = page.totals("slurmdbd_account_usage_tres_seconds", (*by_account, "period"))
        users = page.totals("slurmdbd_user_usage_tres_seconds", (*by_user, "period"))
        begin, end = self.epoch // 3600 * 3600, int(time.time()) // 3600 * 3600 + 3600
        self.slurm.sacctmgr("rollup", wall_clock(begin), wall_clock(end))
        judged: dict[bool, Totals] = {True: {}, False: {}}
        for hour in range(begin, end, 3600):  # sreport cuts a longer span at the hour that runs
            for cluster, account, login, tres, used in self.slurm.sreport(
                "-t", "Seconds", "-T", "ALL", "cluster", "AccountUtilizationByUser", f"start={wall_clock(hour)}",
                f"end={wall_clock(hour + 3600)}", f"clusters={','.join(CLUSTERS)}", "format=Cluster,Account,Login,TresName,Used",
            ):  # fmt: skip
                key = (cluster, account, login, tres) if login else (cluster, account, tres)
                totals = judged[bool(login)]
                totals[key] = totals.get(key, 0) + int(used) * (2**20 if tres == "mem" else 1)
        for kind, totals, with_login in (("account", accounts, False), ("user", users, True)):
            # A job's joules are counted again in each hour that is rolled up again.
            actual = {key[:-1]: value for key, value in totals.items() if key[-1] == "year" and key[-2] != "energy"}
            expected = {key: value for key, value in judged[with_login].items() if key[-1] != "energy"}
            self.comparison.compare(f"usage per {kind}: sreport after the roll-up", expected, actual, 20)

    def wait_for_poll(self, instant: int) -> None:
        """Waits until Prometheus has a page whose poll was after an instant."""
        metric = "slurmdbd_exporter_collector_last_success_timestamp_seconds"
        names = "jobs|users|consumption|outcomes|usage"

        def polled() -> bool:
            answer = self.prometheus.query(f'min({metric}{{collector=~"{names}"}})')
            return bool(answer) and answer[0][1] > instant

        try:
            slurm_support.wait_until(polled, f"{metric} to pass {instant}", 60)
        except SlurmError as error:
            raise servers.ServerError(f"{error}\n{self.exporter.log_tail()}") from None

    def check_judge(self, rows: list[judge.Row], at: int, when: str) -> None:
        connection = self.database.connect()
        try:
            expected = judge.from_tables(connection, CLUSTERS, at)
        finally:
            connection.close()
        actual = {(row.cluster, str(row.job_raw), str(row.submit)): row.elapsed for row in rows}

        def evidence(key: tuple[str, ...]) -> str:
            return "\n".join(row.text for row in rows if (row.cluster, str(row.job_raw), str(row.submit)) == key)

        self.comparison.compare(f"seconds of each row: sacct = tables ({when})", expected, actual, 20, evidence=evidence)

    def check_formats(self, page: servers.Page) -> None:
        for name, text in (("--once", page.text), ("served", self.exporter.scrape())):
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
            said = (done.stdout + done.stderr).strip()
            self.comparison.check(f"promtool check metrics is silent ({name})", not said and done.returncode == 0, said)
        text = self.exporter.scrape("application/openmetrics-text; version=1.0.0")
        try:
            families = list(openmetrics_parser.text_string_to_metric_families(text))
            problem = "" if any(family.name == "slurmdbd_jobs" for family in families) else "slurmdbd_jobs is missing"
        except ValueError as error:
            problem = str(error)
        self.comparison.check("OpenMetrics parses strictly (served)", not problem, problem)


def of_state(totals: Totals, by: Sequence[str], kind: str) -> Totals:
    """Those of the state that the kind names."""
    place = by.index("state")
    return {key: value for key, value in totals.items() if key[place] in kind.split()}


def wall_clock(instant: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(instant))


def rows_of(rows: list[judge.Row], by: Sequence[str], key: tuple[str, ...]) -> list[str]:
    """sacct's lines that add up to a number."""
    labels = [(label, value) for label, value in zip(by, key, strict=True) if label != "tres"]
    return [row.text for row in rows if all(getattr(row, label) == value for label, value in labels)]


def run() -> Comparison:
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-e2e-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(
            PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=CLUSTERS)
        )
        slurm.restart_slurmdbd()  # its first roll-up comes at start, now that the clusters have registered
        this = stack.enter_context(Run(folder, database, slurm))
        say("database, Slurm, exporter and Prometheus are up")
        middle = scenario.play(slurm)
        say("the jobs have had their fates")
        this.at_a_quiet_instant()
        this.at_an_earlier_instant(middle)
        say("the page of a quiet instant and of an earlier one is compared")
        this.at_the_end()
        this.efficiency_is_what_seff_says()
        this.usage_is_what_sreport_will_say()
        say("all jobs are over and Prometheus is compared")
    say("all is stopped")
    return this.comparison


def test_numbers_equal_those_of_sacct(capsys) -> None:
    import pytest

    if reason := servers.unavailable():
        pytest.skip(reason)
    with capsys.disabled():
        comparison = run()
        print("\n" + comparison.table())
    assert not comparison.failures(), "\n".join([*comparison.failures(), *comparison.details])


def main() -> int:
    if reason := servers.unavailable():
        print(f"skipped: {reason}")
        return 77
    return run().report()


if __name__ == "__main__":
    sys.exit(main())
