"""Everything that rewrites accounting, done by a real slurmdbd while two exporters watch and are killed over and over.

    python3 -m tests.storm.slurmdbd_storm                  # two and a half minutes, needs root
    python3 -m tests.storm.slurmdbd_storm --long           # a quarter of an hour
    python3 -m tests.storm.slurmdbd_storm --seed 7
    python3 -m tests.storm.slurmdbd_storm --without-state  # to see it fail

Two clusters run real jobs, and have a history of made-up ones. In random order: slurmdbd is away while jobs end; records about
the past come in, and are rolled up by slurmdbd itself or by `sacctmgr rollup START END`; runaway jobs are repaired by `sacctmgr
show runawayjobs`; old jobs and usage are purged by slurmdbd's own options; accounts are moved, users and accounts deleted and
added again. One exporter has a state directory, the other has none. All their pages are kept. Checked are, for every scrape:
- with a state directory no counter is below an earlier value or gone; without one only by what the database took back since that
  process started, and by whom is told;
- no counter is above an SQL recount and what was taken back.
After what changes jobs no counter is below a recount. After what changes usage, rolled-up usage has to be sreport's, also without a restart and long before all is read again. In the
end, all jobs over, counters less what is held back equal `sacct -D` and an SQL recount, and usage of the hour that runs what
sreport says once slurmdbd has rolled it up. Exit code 77: it cannot be run here.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime

from tests.e2e import judge
from tests.e2e.servers import unavailable
from tests.integration.usage_judge import windows
from tests.storm.kills import Exporter, counters_on
from tests.storm.recount import Counts, Key
from tests.storm.scrape_judge import Judge, Usage, differences, from_steps, unfinished, usage_on
from tests.storm.truth import LATE, PURGED, RUNAWAY, Truth
from tests.storm.watcher import Scrape, Watcher, polled
from tests.support.accounting import Job, JobState, SlurmdbdWriter
from tests.support.mariadb import MariaDBError, PrivateMariaDB
from tests.support.random_jobs import run_jobs
from tests.support.slurm import ACCOUNTS, Account, PrivateSlurm, SlurmError, wait_until

CLUSTERS = ("alpha", "beta")
RELEASE = "22.05"
SETTLE = 10  # records of jobs arrive up to about 5 s late
HOUR, DAY = 3600, 86_400
EPOCH, HISTORY = 12 * DAY, 40 * DAY  # ago
JOBS, RECENT_JOBS = 150, 100  # of a cluster's history, and of its last two days
FIRST_MADE_UP = 1_000_000  # job ids: the controllers count from 1
SECONDS, LONG_SECONDS = 70, 780
PATIENCE = 12  # seconds until an exporter that polls every second has to be right
MIB = 2**20
# Besides those of the real jobs. User "lp" and account "closed" come and go, "moving" moves.
MADE_UP = (Account("moving", "teaching", ("man",)), Account("closed", "science", ("lp", "news")))
REAL_USERS = (("games", "physics"), ("mail", "chemistry"), ("nobody", "teaching"))
CHARGED = (("games", "physics"), ("mail", "chemistry"), ("daemon", "chemistry"), ("nobody", "teaching"), ("man", "moving"))
# What may take something back, and what is then said of it.
WHY = {"late_end": {LATE}, "runaway": {RUNAWAY}}
RECONNECTION = 40  # seconds after slurmdbd is back until the controllers have told it all


def local(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Storm:
    def __init__(self, options: argparse.Namespace, server: PrivateMariaDB, slurm: PrivateSlurm, folder: pathlib.Path) -> None:
        self.slurm, self.server = slurm, server
        self.draw = random.Random(options.seed)
        self.now = int(time.time())
        self.epoch = self.now - EPOCH
        self.done: Counter[str] = Counter()
        self.unexplained: list[str] = []
        self.usage_compared, self.usage_wrong = 0, []
        self.compared_alive = 0
        self.counters_compared = 0
        self.by_hand_at = 0.0
        self.purge_after = (EPOCH + 2 * DAY) // HOUR
        self.writers = {name: SlurmdbdWriter(server.connect(), RELEASE, name) for name in CLUSTERS}
        self.paused: list[tuple[str, int]] = []
        self.gone: set[str] = set()  # user and account that are deleted now
        self.event = ""  # in the middle of which
        self.away_until = 0.0  # slurmdbd, by time.monotonic()
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.stepper = threading.Thread(target=self._step_on, daemon=True)
        self.began = time.monotonic()
        self._write_history()
        self.truth = Truth(server, CLUSTERS, self.epoch, SETTLE, FIRST_MADE_UP)
        self.judges: list[Judge] = []
        for name, state in (("with state", True), ("without", False)):
            place = folder / name.replace(" ", "-")
            place.mkdir()
            flags: dict[str, object] = {"counter.settle": f"{SETTLE}s"}
            # The one that keeps state reads all again and again; the other has only its ordinary polls, as in production.
            flags |= {"counter.wide-interval": "5s", "counter.recount-interval": "15s"} if state else dict.fromkeys(("counter.wide-interval", "counter.recount-interval"))
            exporter = Exporter(server, place, self.epoch, state and not options.without_state, flags)
            self.judges.append(Judge(Watcher(name, exporter, folder, f"{options.seed} {name}"), self.truth, state))

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {what}", file=sys.stderr, flush=True)

    @property
    def watchers(self) -> list[Watcher]:
        return [one.watcher for one in self.judges]

    # What was there before.

    def _write_history(self) -> None:
        for account in MADE_UP:
            self.slurm.sacctmgr("add", "account", account.name, f"parent={account.parent}")
            self.slurm.sacctmgr("add", "user", ",".join(account.users), f"account={account.name}")
        start = self.now - HISTORY
        for name, writer in self.writers.items():
            writer.add_tres("gres/gpu")
            event = writer.table("%_event_table")
            writer.execute(
                f"insert into {event} (time_start, time_end, node_name, cluster_nodes, reason, reason_uid, state, tres)"
                f" select %s, time_start, '', cluster_nodes, reason, reason_uid, state, tres from {event} where node_name = '' and time_end = 0",
                (start - DAY,),
            )
            charged = [(writer.association(account, user), 0) for user, account in (*CHARGED, ("lp", "closed"), ("news", "closed"))]
            writer.end(writer.submit(charged[0][0], at=start, id_job=FIRST_MADE_UP), JobState.CANCELLED, at=start + 1)
            # None runs across the epoch: sacct tells the seconds of whole rows.
            for begin, end, count in ((start, self.epoch - 60, JOBS), (self.epoch + 60, self.now - 60, JOBS), (self.now - 2 * DAY, self.now - 60, RECENT_JOBS)):
                run_jobs(writer, charged, self.draw, begin, end, count)
                for job in writer.open_jobs():
                    if job.id >= FIRST_MADE_UP:
                        writer.end(job, at=end)
        self.slurm.restart_slurmdbd()  # it keeps TRES in memory
        self.slurm.sacctmgr("rollup", local(start - DAY), seconds=120)
        self.wait_for_roll_up()

    # Judging.

    def step(self) -> None:
        """Says how the truth has come down, and looks at all scrapes that are older."""
        with self._lock:
            step = self.truth.step()
            allowed = set(WHY.get(self.event, ()))
            if "PurgeJobAfter" in self.slurm.slurmdbd_conf:
                allowed.add(PURGED)
            if time.monotonic() - self.away_until < RECONNECTION:
                allowed.add(LATE)
            for reason in step.taken.keys() - allowed:
                self.unexplained.append(f"{reason} during {self.event or 'nothing'}: {step.taken[reason].most_common(3)}")
                print(f"!! taken back by nobody: {self.unexplained[-1]}", flush=True)
            for one in self.judges:
                one.look()

    def _step_on(self) -> None:
        """Often enough that what ends in between has ended within the settling time."""
        try:
            while not self._over.wait(1.5):
                self.step()
        except BaseException as error:  # handed over by play() and finish()
            self.error = error

    def sreport(self) -> Usage:
        """Rolled-up usage of all periods. Each is asked for in pieces of whole months, whole days and hours, so that each comes from the
        table that has them: hours of days that are still there may be purged."""
        now = int(time.time())
        spans = windows(UTC, now // HOUR * HOUR + HOUR)  # type: ignore[arg-type]
        # sreport rounds an end that has not come to the hour before or after, but for a single hour.
        borders = [spans["month"][0], spans["day"][0], now // HOUR * HOUR]
        usage: Usage = Counter()
        read: dict[tuple[int, int], list[list[str]]] = {}
        for period, (start, end) in spans.items():
            cuts = sorted({start, end, *(border for border in borders if start < border < end)})
            for piece in zip(cuts, cuts[1:]):
                if piece not in read:
                    words = ["cluster", "AccountUtilizationByUser", f"start={local(piece[0])}", f"end={local(piece[1])}", f"clusters={','.join(CLUSTERS)}"]
                    read[piece] = self.slurm.sreport("-t", "Seconds", "-T", "ALL", *words, "format=Cluster,Account,Login,TresName,Used")
                for cluster, account, login, tres, used in read[piece]:
                    usage[cluster, account, login, tres, period] += int(used) * (MIB if tres == "mem" else 1)
        return {key: value for key, value in usage.items() if value}

    def compare_usage(self, after: str) -> None:
        """Both exporters have to show what sreport does, soon."""
        at = time.time()
        self.compared_alive += all(watcher.is_calm for watcher in self.watchers)
        truth = self.sreport()
        for watcher in self.watchers:
            watcher.calm(True)
            page, equal = watcher.wait_for(lambda page: usage_on(page) == truth, at, PATIENCE)
            if not equal:  # an hour may just have been rolled up
                truth = self.sreport()
                page, equal = watcher.wait_for(lambda page: usage_on(page) == truth, at, PATIENCE / 3)
            self.usage_compared += len(truth)
            if not equal:
                self.usage_wrong += (wrong := differences(usage_on(page), truth))
                print(f"!! {watcher.name}: usage after {after}: {len(wrong)} differ: {wrong[:3]}", flush=True)
        for watcher in self.watchers:
            watcher.calm(False)

    def compare_counters(self) -> None:
        """None is below a recount, though exporters live since before the event. What is changed by hand is seen once a day."""
        self.step()
        at, counts = time.time(), self.truth.steps[-1].counts
        for one in self.judges:
            page, _ = one.watcher.wait_for(bool, at + 2, PATIENCE)
            if polled(page) > at + 2 and one.watcher.born > self.by_hand_at:
                one.nothing_lost(Scrape(at, at, one.watcher.exporter.lives, at, counters_on(page)), counts)
                self.counters_compared += len(counts)

    def wait_for_roll_up(self) -> None:
        def done() -> bool:
            hour = int(time.time()) // HOUR * HOUR
            return all(row["n"] >= hour for writer in self.writers.values() for row in writer.select(f"select coalesce(max(hourly_rollup), 0) as n from {writer.table('%_last_ran_table')}"))

        wait_until(done, "slurmdbd to roll up", 60)

    def restart(self, away: float = 0, **options: object) -> None:
        """slurmdbd, which then rolls up what it has not. Records of jobs that end meanwhile come late."""
        self.away_until = float("inf")
        self.slurm.stop_slurmdbd()
        time.sleep(away)
        self.slurm.slurmdbd_conf |= options
        self.slurm.start_slurmdbd()
        self.away_until = time.monotonic()
        self.wait_for_roll_up()

    # Events. Each leaves nothing open but real jobs.

    def work(self) -> None:
        """Real jobs, and what befalls them."""
        cluster = self.slurm.clusters[self.draw.choice(CLUSTERS)]
        for _ in range(self.draw.randint(1, 2)):
            user, account = self.draw.choice(REAL_USERS)
            seconds = self.draw.choice((1, 2, 4, 7, 300))
            cluster.sbatch(f"sleep {seconds}", user=user, account=account, partition=self.draw.choice(("cpu", "short")), ntasks=self.draw.randint(1, 3))
            self.done["real jobs, submitted"] += 1
        running = [int(job["JobID"]) for job in cluster.squeue("-t", "R", fields=("JobID",))]
        what = self.draw.choice(("scancel", "scancel", "suspend", "requeue", ""))
        if self.paused:
            name, job = self.paused.pop()
            self.slurm.clusters[name].scontrol("resume", str(job), check=False)
        if len(running) > 2 and what:
            job = self.draw.choice(running[:-1])
            if what == "scancel":
                cluster.scancel(str(job))
            else:  # it may just have ended
                cluster.scontrol(what, str(job), check=False)
                if what == "suspend":
                    self.paused.append((cluster.name, job))
            self.done[f"real jobs, {what}"] += 1

    def outage(self) -> None:
        """Jobs end, and others begin, while slurmdbd is away; their records come late."""
        cluster = self.slurm.first
        jobs = [cluster.sbatch(f"sleep {3 + number}", user="games", account="physics", partition="cpu") for number in range(3)]
        cluster.wait_for_state(jobs[0], "RUNNING", "COMPLETED")
        wait_until(lambda: self.records_of(jobs), "slurmdbd to know the jobs")
        late = cluster.sbatch("sleep 1", "--begin=now+2", user="mail", account="chemistry", partition="short")
        self.step()  # the exporters believe that they run on
        self.restart(away=SETTLE + self.draw.uniform(1, 8))
        wait_until(lambda: self.records_of([*jobs, late], ended=True), "late records", 90)
        time.sleep(1)

    def records_of(self, jobs: list[int], ended: bool = False) -> bool:
        writer = self.writers[CLUSTERS[0]]
        sql = f"select count(distinct id_job) as n from {writer.table('%_job_table')} where id_job in ({','.join(map(str, jobs))}) and time_start > 0"
        return bool(writer.select(sql + (" and time_end > 0" if ended else ""))[0]["n"] == len(jobs))

    def _late_job(self) -> tuple[SlurmdbdWriter, Job, int]:
        """Records that a job started hours ago."""
        writer = self.writers[self.draw.choice(CLUSTERS)]
        user, account = self.draw.choice(CHARGED)
        began = int(time.time()) - self.draw.randint(3 * HOUR, 30 * HOUR)
        job = writer.submit(writer.association(account, user), at=began, cpus=self.draw.randint(1, 64), mem_mb=self.draw.randint(100, 64_000))
        writer.start(job, at=began)
        return writer, job, began

    def _late_job_ended(self) -> tuple[SlurmdbdWriter, Job, int]:
        """Nobody sees it run."""
        with contextlib.ExitStack() as stack:
            for writer in self.writers.values():
                stack.enter_context(writer.bundle())
            writer, job, began = self._late_job()
            writer.end(job, at=began + self.draw.randint(60, 2 * HOUR))
        return writer, job, began

    def late_record(self) -> None:
        """A whole life at once; then it is rolled up."""
        began = self._late_job_ended()[2]
        self.done["late records"] += 1
        self._roll_up(began)

    def late_end(self) -> None:
        """A job that has been rolled up as running turns out to have ended hours ago: usage comes down."""
        writer, job, began = self._late_job()
        self._roll_up(began)
        self.step()
        time.sleep(self.draw.uniform(0, 3))
        writer.end(job, at=began + self.draw.randint(60, 2 * HOUR))
        self.step()
        self._roll_up(began)

    def _roll_up(self, since: int) -> None:
        """By slurmdbd itself, which starts where the records sent it back to, or by command, which leaves that as it was."""
        if self.draw.random() < 0.4:
            self.restart()
            self.done["re-rolls by slurmdbd"] += 1
        else:
            self._roll_up_by_command(since - HOUR * self.draw.randint(0, 3), self.draw.choice((since + 5 * HOUR, int(time.time()))))

    def _roll_up_by_command(self, start: int, end: int) -> None:
        """Whole hours that are over. Days are summed up again when their end is within."""
        start, end = (instant // HOUR * HOUR for instant in (start, min(end, int(time.time()))))
        self.slurm.sacctmgr("rollup", local(start), local(end), seconds=60)
        self.done["re-rolls by command"] += 1

    def reroll(self) -> None:
        """By command, of hours in which a record is new that last_ran_table tells nothing about."""
        writer, job, began = self._late_job_ended()
        self.restart()
        self.by_hand_at = time.time()
        writer.modify(job, tres_alloc=job.tres_alloc.replace("1=", "1=1", 1))  # by hand: more CPUs than it had
        self._roll_up_by_command(began, began + 5 * HOUR)

    def runaway(self) -> None:
        writer, _, began = self._late_job()
        if self.draw.random() < 0.5:
            self._roll_up(began)
        time.sleep(self.draw.uniform(1, 3))
        self.step()
        asked = ["sacctmgr", "show", "runawayjobs", f"cluster={writer.cluster}"]
        done = subprocess.run(asked, input="y\n", capture_output=True, text=True, env=self.slurm.environment, timeout=60)
        wait_until(lambda: not [job for job in writer.open_jobs() if job.id >= FIRST_MADE_UP], f"the repair of runaways: {done.stdout} {done.stderr}")
        self.step()
        if self.draw.random() < 0.3:
            self.compare_usage("the repair of a runaway")  # what is left when the rows are gone
        self.restart()
        self.done["re-rolls by slurmdbd"] += 1

    def purge(self) -> None:
        """By options of slurmdbd, which purges after it has rolled up an hour: a late record makes it."""
        self.purge_after = max(30, int(self.purge_after * self.draw.uniform(0.5, 0.8)))
        for _ in CLUSTERS * 4:  # most likely one in each
            self._late_job_ended()
        usage = self.purge_after + self.draw.randint(0, 48)
        self.restart(PurgeJobAfter=f"{self.purge_after}hours", PurgeUsageAfter=f"{usage}hours")

        def purged() -> bool:
            limit = int(time.time()) // HOUR * HOUR - self.purge_after * HOUR
            return not any(writer.select(f"select 1 from {writer.table('%_job_table')} where time_submit <= %s and time_end <> 0 limit 1", (limit - HOUR,)) for writer in self.writers.values())

        wait_until(purged, "slurmdbd to purge")

    def move(self) -> None:
        self.slurm.sacctmgr("modify", "account", "moving", "set", f"parent={self.draw.choice(('physics', 'chemistry', 'science', 'teaching', 'root'))}", check=False)

    def default_account(self) -> None:
        self.slurm.sacctmgr("modify", "user", "mail", "set", f"defaultaccount={self.draw.choice(('physics', 'chemistry'))}", check=False)

    def delete(self) -> None:
        """A user, then the account; or they are added again."""
        if not self.gone:
            self.slurm.sacctmgr("delete", "user", "lp")
            self.gone.add("lp")
        elif "closed" not in self.gone:
            self.slurm.sacctmgr("delete", "user", "news")
            self.slurm.sacctmgr("delete", "account", "closed")
            self.gone.add("closed")
        else:
            self.slurm.sacctmgr("add", "account", "closed", f"parent={self.draw.choice(('science', 'root'))}")
            self.slurm.sacctmgr("add", "user", "lp,news", "account=closed")
            self.gone.clear()

    EVENTS = ("outage", "late_record", "late_record", "late_end", "reroll", "runaway", "runaway", "purge", "move", "delete", "default_account")
    ROLLING = ("late_record", "late_end", "reroll", "runaway", "purge", "move", "delete")

    def play(self, seconds: float) -> None:
        for watcher in self.watchers:
            watcher.start()
        self.stepper.start()
        until = time.monotonic() + seconds
        plan: list[str] = []
        while time.monotonic() < until or not set(self.EVENTS) <= self.done.keys():
            if not plan:
                plan = self.draw.sample(self.EVENTS, len(self.EVENTS))
            event = plan.pop()
            if self.error:
                raise self.error
            for _ in range(3):
                self.work()
            self.step()
            # Half of what happens to roll-ups has to be noticed by an exporter that was there before.
            alive = event in self.ROLLING and self.draw.random() < 0.5
            if alive:
                self.settle_down()
            self.say(event + (", noticed alive" if alive else ""))
            self.event = event
            getattr(self, event)()
            self.done[event] += 1
            self.say("  done")
            self.step()
            self.event = ""
            if alive:
                self.compare_counters()
            if event in self.ROLLING:
                self.compare_usage(event)

    def close(self) -> None:
        self._over.set()
        if self.stepper.is_alive():
            self.stepper.join()
        for watcher in self.watchers:
            if watcher.is_alive():
                watcher.end()

    def settle_down(self) -> None:
        """Both exporters live and have read usage."""
        at = time.time()
        for watcher in self.watchers:
            watcher.calm(True)
        for watcher in self.watchers:
            if not watcher.wait_for(lambda page: True, at, 30)[1]:
                raise SlurmError(f"{watcher.name}: no poll:\n{watcher.exporter.log_tail()}")

    # The end.

    def finish(self) -> dict[str, int]:
        for cluster in self.slurm.clusters.values():
            for job in cluster.squeue("-t", "S", fields=("JobID",)):
                cluster.scontrol("resume", job["JobID"], check=False)
            if jobs := {job["JobID"] for job in cluster.squeue("-t", "PD,R,S")}:
                cluster.scancel(*sorted(jobs))
        wait_until(lambda: self.truth.open_jobs() == 0, "all jobs to be over", 60)
        self.say("all jobs are over")
        self.settle_down()
        self.restart()
        time.sleep(SETTLE + 1)
        self.step()
        self.compare_usage("all")
        self.settle_down()
        compared = {"usage before it is rolled up": self._total_usage()}
        for watcher in self.watchers:
            watcher.restart()  # what was purged is noticed by a start or once a day
        self.settle_down()
        self.step()
        rows = [row for row in judge.read(self.slurm, jobs=self.truth.jobs()) if row.end is None or row.end >= self.epoch]
        by_sacct = self._by_sacct(rows)
        compared["counters by sacct -D"] = compared["counters by SQL"] = 0
        for one in self.judges:
            held = one.watcher.exporter.held() if one.keeps_state and one.watcher.exporter.state.joinpath("high-water.jsonl").exists() else {}
            compared["counters by sacct -D"] += one.final(by_sacct, held, "sacct")
            compared["counters by SQL"] += one.final(self.truth.steps[-1].counts, held, "SQL")
            taken: Counter[Key] = sum(self.truth.taken().values(), Counter())
            for key, back in held.items():
                if back > taken[key] and not unfinished(key) and not from_steps(key):
                    one.note("differ in the end", f"{key}: {back} is held back, but only {taken[key]} was taken back")
        return compared

    def _total_usage(self) -> int:
        """What jobs have used in the hour that runs is what sreport will say of it. A job's joules are in each hour rolled up again."""
        shown = {watcher.name: usage_on(watcher.page, "usage") for watcher in self.watchers}
        now = int(time.time())
        self.slurm.sacctmgr("rollup", local(now // HOUR * HOUR), local(now // HOUR * HOUR + HOUR), seconds=60)
        truth = {key: value for key, value in self.sreport().items() if key[3] != "energy"}
        for name, usage in shown.items():
            wrong = differences({key: value for key, value in usage.items() if key[3] != "energy"}, truth)
            self.usage_wrong += wrong
            if wrong:
                print(f"!! {name}: usage before it is rolled up: {len(wrong)} differ: {wrong[:3]}", flush=True)
        return len(truth) * len(shown)

    def _by_sacct(self, rows: list[judge.Row]) -> Counts:
        counts: Counts = {}

        def add(metric: str, sums: judge.Totals) -> None:
            counts.update({(metric, *key): value for key, value in sums.items() if value})

        add("slurmdbd_account_tres_seconds_total", judge.consumed(rows, ("cluster", "account", "partition", "qos")))
        add("slurmdbd_user_tres_seconds_total", judge.consumed(rows, ("cluster", "account", "user")))
        add("slurmdbd_jobs_started_total", judge.started(rows, ("cluster", "partition", "account", "qos")))
        add("slurmdbd_jobs_ended_total", judge.ended(rows, ("cluster", "partition", "account", "qos", "state")))
        return counts


def run(options: argparse.Namespace) -> int:
    print(f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="slurmdbd-storm-"))
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(PrivateSlurm(server.port, password=server.passwords["slurm"], clusters=CLUSTERS, accounts=ACCOUNTS))
        slurm.restart_slurmdbd()  # its first roll-up comes at start, now that the clusters have registered
        storm = Storm(options, server, slurm, folder)
        storm.say(f"a history is rolled up, {time.monotonic() - begun:.0f} s after the start")
        try:
            storm.play(LONG_SECONDS if options.long else SECONDS)
            compared = storm.finish()
        finally:
            storm.close()
        if storm.error:
            raise storm.error
    wrong: Counter[str] = Counter({"falls": 0, "above the recount": 0, "below the recount": 0, "differ in the end": 0})
    explained: Counter[str] = Counter()
    for one in storm.judges:
        wrong.update({kind: len(found) for kind, found in one.wrong.items()})
        explained += one.explained
    wrong |= {"usage that sreport has otherwise": len(storm.usage_wrong), "taken back by nobody": len(storm.unexplained)}
    rows = {
        **{f"{name}": count for name, count in sorted(storm.done.items())},
        "kills": sum(watcher.kills for watcher in storm.watchers),
        "scrapes kept": sum(watcher.scrapes for watcher in storm.watchers),
        "... with counters, all looked at": sum(one.seen for one in storm.judges),
        "samples of counters": sum(watcher.samples for watcher in storm.watchers),
        "figures of usage compared with sreport": storm.usage_compared,
        "... times without a restart since the change": storm.compared_alive,
        "counters not below a recount, without a restart": storm.counters_compared,
        **{f"{what}, compared in the end": count for what, count in compared.items()},
        **{f"series x steps taken back: {reason}": len(series) for reason, series in storm.truth.taken().items()},
        **{f"falls without state, explained: {reason}": count for reason, count in explained.items()},
        "falls": wrong["falls"],
        "double counts (above what is possible)": wrong["above the recount"],
        "losses (below a recount)": wrong["below the recount"],
        "mismatches: counters in the end": wrong["differ in the end"],
        "mismatches: usage": wrong["usage that sreport has otherwise"],
        "mismatches: taken back by nobody": wrong["taken back by nobody"],
    }
    print(f"\n| storm on slurmdbd, seed {options.seed}, {time.monotonic() - begun:.0f} s | |\n|---|---:|")
    for name, count in rows.items():
        print(f"| {name} | {count} |")
    thin = [what for what in (PURGED, RUNAWAY, LATE) if not storm.truth.taken().get(what)] + [what for what, count in compared.items() if count < 20]
    for what in thin:
        print(f"too little of: {what}")
    failed = any(wrong.values()) or bool(thin)
    if failed or options.folder:
        print(f"pages and logs: {folder}")
    else:
        shutil.rmtree(folder)
    return int(failed)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.storm.slurmdbd_storm", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="default: random, and printed")
    parser.add_argument("--long", action="store_true", help=f"{LONG_SECONDS} s of storm instead of {SECONDS}")
    parser.add_argument("--folder", help="keep pages and logs there")
    parser.add_argument("--without-state", action="store_true", help="no --state.directory where there should be one: counters will fall")
    options = parser.parse_args(words)
    if reason := unavailable():
        print(f"skipped: {reason}")
        return 77
    try:
        return run(options)
    except (MariaDBError, SlurmError) as error:
        print(f"slurmdbd_storm: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
