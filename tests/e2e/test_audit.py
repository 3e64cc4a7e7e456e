"""The audit of a real Slurm, judged by sacctmgr, sreport and sacct.

    python3 -m tests.e2e.test_audit            # 0 well, 1 something differs, 77 it cannot be run here

Rolled up: slurmdbd rolls up a year of made-up jobs, suspensions and reservations. By what usage differs from jobs has to be
what sreport and sacct differ by, and nothing of it unexplained; until rows are altered or taken away.

Live: accounts, users, QOS and coordinators are added, changed and removed by two people, one of whom is slow to answer; the
counters have to be what `sacctmgr list transactions` lists. A controller forgets jobs, and `sacctmgr show runawayjobs` says
which.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.e2e import judge, servers
from tests.e2e.comparison import Comparison
from tests.e2e.servers import MIB, Totals
from tests.e2e.test_usage import CLUSTERS, DAY, HOUR, Site
from tests.support import slurm as slurm_support
from tests.support.accounting import SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB
from tests.support.rollup import Rollup
from tests.support.slurm import PrivateSlurm, wait_until
from tests.support.values import ReservationFlag

DISCREPANCY = "slurmdbd_usage_discrepancy_tres_seconds"
CAUSES = ("reservation", "suspension", "clipping", "unexplained")
UNNAMED = {"msgtype=1483": "remove_cluster_resources"}  # Slurm 22.05 has no name for it


def _day_ago() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - DAY))


class RolledUp:
    """A slurmdbd with a made-up history, and yesterday more of what makes usage and jobs differ."""

    def __init__(self, site: Site, comparison: Comparison) -> None:
        self.site, self.comparison = site, comparison
        self.today = site.now // DAY * DAY  # the zone is UTC
        self.yesterday = self.today - DAY

    def write(self) -> None:
        """Reservations that jobs use in part, run beyond, or leave idle; one is changed within an hour."""
        at = self.yesterday
        # What of the reservations and of the jobs in them the cluster's own usage has, and has not.
        self.reserved: Totals = {("cpu",): 32 * 17_477 + 10 * 1800 + 20 * 5400, ("mem",): 9000 * 17_477}
        self.inside: Totals = {
            ("cpu",): 3 * 18_000 + 8 * 700 + 4 * 3000, ("mem",): 100 * 22_000, ("billing",): 3 * 18_000 + 8 * 1000 + 4 * 3000,
        }  # fmt: skip
        for writer in self.site.writers.values():
            games, mail = writer.association("astro", "games"), writer.association("astro_x", "mail")
            plain = writer.add_reservation("plain", at + 4 * HOUR + 600, at + 9 * HOUR + 77, {"cpu": 32, "mem": 9000, "node": 2}, [games, mail])
            changed = writer.add_reservation("changed", at + 11 * HOUR, at + 11 * HOUR + 1800, {"cpu": 10, "node": 1}, [games, mail, writer.association("geo", "bin")])
            before = writer.select(f"select * from {writer.table('%_resv_table')} where id_resv = %s", (changed,))[0]
            writer.insert("%_resv_table", before | {"time_start": at + 11 * HOUR + 1800, "time_end": at + 13 * HOUR, "tres": "1=20,4=2"})
            writer.add_reservation("maint", at + 15 * HOUR, at + 16 * HOUR, {"cpu": 64, "node": 1}, [mail], flags=ReservationFlag.MAINT)
            ignoring = writer.add_reservation("ignoring", at + 17 * HOUR, at + 18 * HOUR, {"cpu": 64, "node": 1}, [games], flags=ReservationFlag.IGNORE_JOBS)
            for reservation, begin, seconds, cpus, pause in (
                (plain, 5 * HOUR, 5 * HOUR, 3, 0), (plain, 6 * HOUR + 10, 1000, 8, 300), (changed, 11 * HOUR + 900, 3000, 4, 0),
                (ignoring, 17 * HOUR + 5, 2000, 5, 0), (0, 20 * HOUR, 6000, 7, 2500), (0, -HOUR, 8000, 2, 5000),
            ):  # fmt: skip
                job = writer.submit(games, at=at + begin, cpus=cpus, mem_mb=100, id_resv=reservation)
                writer.start(job, at=at + begin)
                if pause:
                    writer.suspend(job, at=at + begin + 200)
                    writer.resume(job, at=at + begin + 200 + pause)
                writer.end(job, at=at + begin + seconds)

    def page(self) -> servers.Page:
        return self.site.exporter.once(self.site.now)

    def judged(self) -> Totals:
        """What sreport has more than sacct, of yesterday, by cluster and TRES: all causes but clipping."""
        official = {(key[0], key[-1]): value for key, value in self.site.sreport("cluster AccountUtilizationByUser", self.yesterday, self.today).items() if key[1] == "root"}
        sums: Totals = defaultdict(int)
        for cluster in CLUSTERS:
            rows = self.site.slurm.sacct(
                "-D", "-X", "-T", "-M", cluster, "-S", self.site.local(self.yesterday), "-E", self.site.local(self.today),
                fields=("AllocTRES", "ElapsedRaw", "State"),
            )  # fmt: skip
            for row in rows:
                for tres, count in judge.tres(row["AllocTRES"]).items():
                    sums[cluster, tres] += (count // MIB if tres == "mem" else count) * int(row["ElapsedRaw"])
        keys = official.keys() | sums.keys()
        return {key: official.get(key, 0) - sums.get(key, 0) for key in keys if key[1] != "energy"}

    def clipped(self) -> Totals:
        """What accounts have more than the cluster, both by sreport."""
        official = {(key[0], key[-1]): value for key, value in self.site.sreport("cluster AccountUtilizationByUser", self.yesterday, self.today).items() if key[1] == "root"}
        words = ["cluster", "Utilization", f"start={self.site.local(self.yesterday)}", f"end={self.site.local(self.today)}", f"clusters={','.join(CLUSTERS)}", "format=Cluster,TresName,Allocated"]
        has = {(row[0], row[1]): int(row[2]) for row in self.site.slurm.sreport("-t", "Seconds", "-T", "ALL", *words)}
        return {key: value - has.get(key, 0) for key, value in official.items() if key[1] not in ("energy", "node")}

    def play(self) -> None:
        site, compare = self.site, self.comparison.compare
        site.roll_up()
        page = self.page()
        found = {cause: page.figures(DISCREPANCY, "cluster", "tres", cause=cause) for cause in CAUSES}
        none = dict.fromkeys(found["unexplained"], 0)
        compare("nothing is unexplained", none, found["unexplained"], 8)
        together: Totals = defaultdict(int)
        for cause in ("reservation", "suspension", "unexplained"):
            for key, value in found[cause].items():
                together[key] += value
        compare("sreport less sacct = reservation + suspension + unexplained", self.judged(), together, 8)
        for cause in ("reservation", "suspension", "clipping"):
            if not any(found[cause].values()):
                raise servers.ServerError(f"there is nothing of {cause} to be found")
        beyond = {
            key: found["clipping"].get(key, 0) + found["reservation"].get(key, 0) + self.inside.get(key[1:], 0) - self.reserved.get(key[1:], 0)
            for key in found["clipping"]
            if key[1] != "node"
        }
        compare("sreport: accounts less cluster", self.clipped(), beyond, 8)
        compare("hours without cluster usage", {("alpha",): 0, ("beta",): 0}, page.figures("slurmdbd_usage_gap_seconds", "cluster"), 2)
        self.plant()

    def plant(self) -> None:
        """Rows altered and taken away in one cluster: that is found, to the second, and nothing in the other."""
        site, compare, writer = self.site, self.comparison.compare, self.site.writers["alpha"]
        table = "alpha_assoc_usage_day_table"
        cpu, mem = (writer.select(f"select id, id_tres from {table} where time_start = %s and id_tres = %s and alloc_secs > 1000 limit 1", (self.yesterday, tres))[0] for tres in (1, 2))
        where = "id = %s and id_tres = %s and time_start = %s"
        writer.execute(f"update {table} set alloc_secs = alloc_secs + 54321 where {where}", (cpu["id"], 1, self.yesterday))
        writer.execute(f"update {table} set alloc_secs = alloc_secs - 999 where {where}", (mem["id"], 2, self.yesterday))
        writer.execute("delete from alpha_usage_hour_table where time_start >= %s and time_start < %s", (self.yesterday + 2 * HOUR, self.yesterday + 5 * HOUR))
        page = self.page()
        found = page.figures(DISCREPANCY, "cluster", "tres", cause="unexplained")
        compare("altered usage is found", dict.fromkeys(found, 0) | {("alpha", "cpu"): 54321, ("alpha", "mem"): -999}, found, 8)
        compare("missing hours are found", {("alpha",): 3 * HOUR, ("beta",): 0}, page.figures("slurmdbd_usage_gap_seconds", "cluster"), 2)
        since = self.today - 10 * HOUR + 777
        writer.execute("update beta_last_ran_table set hourly_rollup = %s", (since,))
        compare("a roll-up to be repeated", {("beta",): since // HOUR * HOUR}, self.page().figures("slurmdbd_rollup_pending_since_timestamp_seconds", "cluster"), 1)
        oldest = {("job",): "select min(time_end) as n from alpha_job_table where time_end > 0", ("usage_month",): "select min(time_start) as n from alpha_usage_month_table"}
        judged = {key: writer.select(sql)[0]["n"] for key, sql in oldest.items()}
        told = page.figures("slurmdbd_oldest_record_timestamp_seconds", "table", cluster="alpha")
        compare("oldest records", judged, {key: told[key] for key in judged}, 2)

    def compare_stand_in(self) -> None:
        """What stands in for slurmdbd in other tests makes the same of yesterday's rows, but for energy."""
        hours = f"time_start >= {self.yesterday} and time_start < {self.today} and id_tres <> 3"
        tables = {("alpha", "assoc_usage"): ("id",), ("beta", "assoc_usage"): ("id",), ("alpha", "wckey_usage"): ("id",), ("beta", "usage"): ()}
        sums = {"usage": ("alloc_secs", "down_secs", "pdown_secs", "idle_secs", "plan_secs", "over_secs")}

        def rolled_up(name: str, kind: str) -> Totals:
            # Of a cluster's nodes slurmdbd 22.05 has rows only of hours with a reservation that ignores jobs.
            which = hours + (" and id_tres <> 4" if kind == "usage" else "")
            found = {}
            for row in self.site.writers[name].select(f"select * from {name}_{kind}_hour_table where {which}"):
                key = (name, *(str(row[column]) for column in (*tables[name, kind], "id_tres", "time_start")))
                found |= {(*key, column): int(row[column]) for column in sums.get(kind, ("alloc_secs",))}
            return found

        judged = {place: rolled_up(*place) for place in tables}
        for name, kind in tables:
            self.site.writers[name].execute(f"delete from {name}_{kind}_hour_table where {hours}")
        for name, writer in self.site.writers.items():
            writer.execute(f"update {name}_last_ran_table set hourly_rollup = %s, daily_rollup = %s", (self.yesterday, self.yesterday))
            Rollup(writer).run(self.today)
        for place, figures in judged.items():
            self.comparison.compare(f"slurmdbd's roll-up: the tests' own, {place[1]}", figures, rolled_up(*place), 200)


class Live:
    """A cluster, people who change its accounts, and a controller that forgets."""

    def __init__(self, slurm: PrivateSlurm, database: PrivateMariaDB, folder: pathlib.Path, comparison: Comparison) -> None:
        self.slurm, self.comparison = slurm, comparison
        self.writer = SlurmdbdWriter(database.connect(), "22.05", "alpha")
        self.began = int(time.time()) - DAY
        state = folder / "state"
        state.mkdir()
        self.exporter = servers.Exporter(
            folder, slurm_support.free_port(slurm.ports),
            servers.database_flags(database, folder)
            | {
                "counter.epoch": servers.rfc3339(self.began), "counter.settle": "0s", "counter.wide-interval": "2s",
                "poll.interval": "1s", "state.directory": state, "log.level": "warn",
            },
        )  # fmt: skip

    def page(self) -> servers.Page:
        return servers.Page(self.exporter.scrape())

    def counted(self) -> Totals:
        return self.page().figures("slurmdbd_transactions_total", "cluster", "action", "actor")

    def listed(self) -> Totals:
        """What sacctmgr lists, by cluster, action and actor, in the exporter's words."""
        counts: Counter[tuple[str, ...]] = Counter()
        out = self.slurm.sacctmgr("-n", "-P", "list", "transactions", f"start={time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(self.began))}", "format=Cluster,Action,Actor")
        for line in out.splitlines():
            fields = line.split("|")
            if len(fields) == 3 and fields[1]:
                action = fields[1].lower().replace(" ", "_")
                counts[fields[0] or "all", UNNAMED.get(action, action), fields[2]] += 1
        return dict(counts)

    def compare_transactions(self, what: str, least: int) -> None:
        with contextlib.suppress(slurm_support.SlurmError):
            wait_until(lambda: self.counted() == self.listed(), "the transactions", 8, 0.3)
        self.comparison.compare(f"sacctmgr list transactions: {what}", self.listed(), self.counted(), least)

    def as_games(self, *words: str) -> None:
        self.slurm.first.run("runuser", "-u", "games", "--", "sacctmgr", "-i", *words)

    def change(self) -> None:
        """Each kind of change, by root and by somebody else."""
        do = self.slurm.sacctmgr
        do("modify", "user", "games", "set", "adminlevel=Admin")
        do("modify", "user", "mail", "set", "adminlevel=Operator")
        do("add", "account", "biology", "parent=science", "organization=bio")
        self.as_games("add", "account", "botany", "parent=biology")
        do("modify", "account", "botany", "set", "description=plants")
        self.as_games("modify", "account", "botany", "set", "parent=science")
        do("add", "user", "news", "account=botany")
        self.as_games("modify", "user", "news", "set", "maxjobs=3")
        do("add", "coordinator", "account=botany", "names=news")
        do("delete", "coordinator", "account=botany", "names=news")
        self.as_games("add", "qos", "extra", "priority=3")
        do("modify", "qos", "extra", "set", "grpjobs=10")
        self.as_games("delete", "qos", "extra")
        do("add", "user", "news", "wckey=leaf")
        do("modify", "cluster", "alpha", "set", "fairshare=7")
        do("add", "resource", "name=tool", "count=5", "server=flex", "servertype=lm", "type=license", "cluster=alpha", "percentallowed=50")
        do("modify", "resource", "tool", "server=flex", "set", "count=6")
        do("delete", "resource", "tool", "server=flex")
        do("delete", "user", "news", "account=botany")
        do("delete", "account", "botany", "cluster=alpha")
        do("delete", "account", "biology", "cluster=alpha")

    @contextlib.contextmanager
    def slow_operator(self) -> Iterator[None]:
        """A change that is answered yes only at the end: its transaction has its number before those of others."""
        held = subprocess.Popen(
            ["sacctmgr", "modify", "qos", "low", "set", "priority=7"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.slurm.environment,
        )  # fmt: skip
        time.sleep(1.5)
        if held.poll() is not None:
            raise servers.ServerError(f"sacctmgr did not ask: {held.stdout.read()}")  # type: ignore[union-attr]
        yield
        held.communicate("y\n", timeout=25)

    def play_transactions(self) -> None:
        self.change()
        self.compare_transactions("of every kind, by two actors", 20)
        with self.slow_operator():
            self.slurm.sacctmgr("add", "account", "later")
            self.compare_transactions("while one waits for an answer", 20)
            after = self.writer.select("select max(id) as n from txn_table")[0]["n"]
        self.compare_transactions("answered after later ones", 20)
        missed = self.writer.select("select count(*) as n from txn_table where id < %s and action = 1451 and name like '%%low%%'", (after,))[0]["n"]
        if not missed:
            print("note: the held transaction got a later number here", file=sys.stderr)
        before = self.counted()
        self.exporter.stop()
        self.slurm.sacctmgr("add", "account", "meanwhile")
        self.exporter.start()
        self.compare_transactions("after a restart, with one in between", 20)
        if self.counted() == before:
            raise servers.ServerError("nothing was counted in between")
        # As PurgeTXNAfter does it.
        whole = self.counted()
        self.writer.execute("delete from txn_table order by id limit 10")
        self.slurm.sacctmgr("add", "account", "last")
        more = Counter(whole) + Counter({("all", "add_accounts", "root"): 1, ("alpha", "add_associations", "root"): 1})
        with contextlib.suppress(slurm_support.SlurmError):
            wait_until(lambda: sum(self.counted().values()) > sum(whole.values()), "the last one", 8, 0.3)
        now = self.counted()
        self.comparison.compare("purged rows stay counted, new ones count", {key: max(value, whole.get(key, 0)) for key, value in now.items()}, now, 20)
        if sum(now.values()) <= sum(whole.values()) or any(now.get(key, 0) < value for key, value in whole.items()):
            raise servers.ServerError(f"{sum(whole.values())} became {sum(now.values())}, expected {sum(more.values())}")
        self.exporter.stop()
        self.exporter.start()
        with contextlib.suppress(slurm_support.SlurmError):
            wait_until(lambda: self.counted() == now, "the first poll", 8, 0.3)
        self.comparison.compare("and after a restart", now, self.counted(), 20)
        levels = {"Operator": "operator", "Administrator": "administrator"}
        users = [line.split("|") for line in self.slurm.sacctmgr("-n", "-P", "list", "user", "format=User,AdminLevel").splitlines()]
        judged = {(user, levels[level]): 1 for user, level in users if level in levels}
        self.comparison.compare("sacctmgr list user: administrators", judged, self.page().figures("slurmdbd_administrator_info", "user", "level"), 3)

    # -- runaway jobs

    def runaways(self, answer: str = "n") -> list[int]:
        """Ids of the jobs that sacctmgr finds."""
        done = subprocess.run(
            ["sacctmgr", "-n", "-P", "show", "runawayjobs", "format=ID,Cluster,State"],
            input=f"{answer}\n", capture_output=True, text=True, env=self.slurm.environment, timeout=30,
        )  # fmt: skip
        return [int(line.split("|")[0]) for line in done.stdout.splitlines() if line.count("|") == 2 and line.split("|")[0].isdigit()]

    def unknown(self) -> list[int]:
        """Jobs without an end in the database that slurmctld does not know."""
        known = {(row["JobID"], row["SubmitTime"]) for row in self.slurm.squeue(fields=("JobID", "SubmitTime"))}
        rows = self.slurm.sacct("-D", "-X", "-S", _day_ago(), fields=("JobIDRaw", "Submit", "End"))
        return sorted(int(row["JobIDRaw"]) for row in rows if row["End"] == "Unknown" and (row["JobIDRaw"], row["Submit"]) not in known)

    def compare_runaways(self, what: str, judged: list[int], actual: list[int], least: int) -> None:
        self.comparison.compare(what, {(str(job),): 1 for job in judged}, {(str(job),): 1 for job in actual}, least)

    def wait_for_suspects(self, expected: Totals, seconds: float = 10) -> None:
        with contextlib.suppress(slurm_support.SlurmError):
            wait_until(lambda: self.suspected() == expected, "the suspects", seconds, 0.5)

    def suspected(self) -> Totals:
        return {key: value for key, value in self.page().figures("slurmdbd_runaway_jobs", "reason").items() if value}

    def forget(self) -> None:
        """A controller that is started with the state of some minutes ago."""
        cluster = self.slurm.first
        cluster.slurmctld.stop()
        shutil.copytree(cluster.folder / "state", cluster.folder / "old-state")
        cluster.slurmctld.start()
        cluster.wait_until_up()
        ask = {"user": "games", "account": "physics", "partition": "cpu", "time": 60}
        self.lost = [self.slurm.sbatch("sleep 600", **ask) for _ in range(2)]
        for job in self.lost:
            self.slurm.wait_for_state(job, "RUNNING")
        self.lost.append(self.slurm.sbatch("sleep 600", hold=True, **ask))
        wait_until(lambda: len(self.writer.select("select 1 from alpha_job_table where time_end = 0 and time_start > 0")) == 2, "their records")
        wait_until(lambda: len(self.writer.select("select 1 from alpha_job_table where time_end = 0")) == 3, "their records")
        cluster.slurmctld.stop(signal.SIGKILL)
        shutil.rmtree(cluster.folder / "state")
        shutil.move(cluster.folder / "old-state", cluster.folder / "state")
        cluster.slurmctld.start()
        cluster.wait_until_up()
        # Another job gets the first one's id; it runs, and one waits, as they should.
        self.healthy = [self.slurm.sbatch("sleep 600", nodelist="n2", **ask)]
        self.slurm.wait_for_state(self.healthy[0], "RUNNING")
        if self.healthy[0] != self.lost[0]:
            raise servers.ServerError(f"{self.healthy} was to get the id of {self.lost[0]}")

    def play_runaways(self) -> None:
        """After `forget`, a minute later."""
        first, second, waiting = self.lost
        self.writer.execute("update alpha_job_table set time_start = time_start - 10800, time_eligible = time_eligible - 10800 where id_job = %s", (second,))
        self.writer.execute("update alpha_job_table set time_eligible = time_submit - 8640000 where id_job = %s", (waiting,))
        judged = self.runaways()
        # sacctmgr looks at the newest row of a job id only, so it misses the first one while another job has its id.
        self.compare_runaways("sacctmgr show runawayjobs", [second, waiting], judged, 2)
        self.compare_runaways("rows that sacct has and squeue has not", self.unknown(), self.lost, 3)
        expected = {("superseded",): 1, ("over_time_limit",): 1, ("pending_for_long",): 1}
        self.wait_for_suspects(expected, 75)
        self.comparison.compare("the same, suspected for three reasons", expected, self.suspected(), 3)
        self.runaways("y")
        self.wait_for_suspects({("superseded",): 1})
        self.comparison.compare("all that sacctmgr found is repaired", {("superseded",): len(self.unknown())}, self.suspected(), 1)
        self.slurm.scancel(str(first))
        wait_until(lambda: len(self.writer.select("select 1 from alpha_job_table where time_end = 0")) == 1, "the job to end")
        self.compare_runaways("sacctmgr finds the first one when it can", [first], self.runaways(), 1)
        self.runaways("y")
        self.wait_for_suspects({})
        self.comparison.compare("after the last repair", {("all",): len(self.runaways())}, {("all",): sum(self.suspected().values())}, 1)
        # Nobody is charged for it.
        self.writer.execute("update alpha_job_table set id_assoc = 777 where id_job = %s and time_end > 0", (self.lost[1],))
        strays = lambda: self.page().figures("slurmdbd_jobs_without_association", "cluster")  # noqa: E731
        with contextlib.suppress(slurm_support.SlurmError):
            wait_until(lambda: strays() == {("alpha",): 1}, "the job without association", 10, 0.5)
        self.comparison.compare("jobs without association", {("alpha",): 1}, strays(), 1)
        self.comparison.compare("clock skew", {(): 0}, self.page().figures("slurmdbd_database_clock_skew_seconds"), 1)

    def play(self) -> None:
        self.forget()
        self.exporter.start()
        try:
            self.play_transactions()
            self.play_runaways()
        finally:
            self.exporter.stop()


def rolled_up(comparison: Comparison) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-audit-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(
            PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=CLUSTERS, tz="UTC", accounts=(), qos={}, controllers=False)
        )
        site = Site(slurm, database, "UTC", folder)
        site.add_associations()
        site.write()
        rolled = RolledUp(site, comparison)
        rolled.write()
        slurm.restart_slurmdbd()  # it keeps TRES in memory
        rolled.play()
        rolled.compare_stand_in()


def live(comparison: Comparison) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-audit-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(PrivateSlurm(database.port, password=database.passwords["slurm"]))
        Live(slurm, database, folder, comparison).play()


def main() -> int:
    if reason := servers.unavailable():
        print(f"skipped: {reason}")
        return 77
    comparison, began = Comparison(zeros=True), time.monotonic()
    for part in (rolled_up, live):
        if len(sys.argv) > 1 and part.__name__ not in sys.argv[1:]:
            continue
        part(comparison)
        print(f"{time.monotonic() - began:6.1f} s  {part.__name__}", file=sys.stderr, flush=True)
    return comparison.report()


if __name__ == "__main__":
    sys.exit(main())
