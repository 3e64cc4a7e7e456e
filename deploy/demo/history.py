"""Fills an accounting database with a believable site and months of its history.

    python3 -m deploy.demo.history --socket /run/mysqld/mysqld.sock --release 22.05 --months 4 --seed 1

The same seed and the same `--now` give the same rows. `--scale 0.1` makes a tenth of the jobs.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Iterator

import pymysql

from deploy.demo import site as sites
from deploy.demo.site import Site
from deploy.demo.workload import EXIT_CODES, Work, Workload, arrivals, gpu_usage, node_names, queue
from tests.support import releases, schema
from tests.support.accounting import ManualClock, SlurmdbdWriter
from tests.support.arrays import task_mask
from tests.support.rollup import Rollup
from tests.support.session import Row
from tests.support.steps import STEP, usage_columns
from tests.support.values import NO_VAL, NO_VAL64, JobFlag, JobState, NodeState, StepId

DAY = 86_400
BUDGETS = {"astro": 0.79, "cfd": 1.08, "genomics": 0.45, "medicine": 0.62, "chemistry": 0.3}  # part used of GrpTRESMins
STEP_DAYS = 7  # steps are written for jobs that ended in the last days


@dataclass
class Rows:
    """What goes into the tables in a few large statements."""

    jobs: list[Row]
    steps: list[Row]
    suspends: list[Row]


@dataclass(frozen=True)
class Plan:
    """How much history: `months` of 30 days up to `now` (epoch seconds), `scale` part of the usual jobs."""

    now: int
    months: int = 4
    seed: int = 1
    scale: float = 1.0
    timezone: str = "UTC"

    @property
    def start(self) -> int:
        """Epoch seconds, a full hour."""
        return (self.now - self.months * 30 * DAY) // 3600 * 3600


class History:
    """Makes one cluster's past, [start, now)."""

    def __init__(self, writer: SlurmdbdWriter, clock: ManualClock, site: Site, rng: random.Random, start: int, now: int) -> None:
        self._writer = writer
        self._clock = clock
        self._site = site
        self._rng = rng
        self._start = start
        self._now = now
        self._rows = Rows([], [], [])
        self._key = 0

    def write(self, jobs: int) -> Rows:
        """Writes about `jobs` job rows with their steps and suspensions, and node events."""
        works = list(self._works(jobs))
        starts = queue([(submitted, work) for submitted, work, _ in works], self._site.cluster)
        arrays: dict[int, tuple[Row, list[int]]] = {}  # array's number -> its row and the tasks that wait
        for (submitted, work, task), started in zip(works, starts):
            self._job(submitted, work, task, started, arrays)
        for row, waiting in arrays.values():
            if waiting:
                row |= {"id_array_task": NO_VAL, "array_task_pending": len(waiting), "array_task_str": task_mask(waiting)}
        with self._writer.bundle():
            for table, rows in (("%_job_table", self._rows.jobs), (STEP, self._rows.steps), ("%_suspend_table", self._rows.suspends)):
                if rows:
                    names = list(rows[0])
                    self._writer.insert_many(table, names, ([row[name] for name in names] for row in rows))
            self._node_events()
        return self._rows

    def _works(self, jobs: int) -> Iterator[tuple[int, Work, tuple[int, int]]]:
        """(submitted, work, (array number, task)); array number 0 for a job by itself."""
        rng, load = self._rng, Workload(self._site, self._rng)
        submissions = arrivals(rng, round(jobs / 1.45), self._start, self._now, self._writer.local)
        array = 0
        for submitted in submissions:
            work = load.draw()
            if rng.random() < 0.035 and work.nodes == 1:
                array += 1
                for task in range(1, rng.randrange(4, 24)):
                    again = load.draw()
                    yield submitted, Work(**(work.__dict__ | {"run": min(again.run, work.limit * 60), "end": again.end, "patience": 0})), (array, task)
            else:
                yield submitted, work, (0, 0)

    def _job(self, submitted: int, work: Work, task: tuple[int, int], started: int, arrays: dict[int, tuple[Row, list[int]]]) -> None:
        """One job's row, or two if it was requeued; a task that still waits only counts in its array's row."""
        w, rng, now = self._writer, self._rng, self._now
        array, number = task
        waits = started > now or (not started and submitted + work.patience > now)
        if array in arrays and waits:
            arrays[array][1].append(number)
            return
        self._clock.now = submitted
        tres = sites.shape_tres(self._site.cluster, work.cpus, work.mem_mb, work.nodes, work.gpus, work.licenses)
        row = w.new_row(
            work.person.association,
            partition=work.partition.name,
            cpus=work.cpus,
            mem_mb=work.mem_mb,
            nodes=work.nodes,
            billing=tres["billing"],
            tres=tres,
            timelimit=work.limit,
            qos=work.qos,
            wckey=work.person.wckey_name,
            id_wckey=work.person.wckey,
            job_name=work.name,
            kill_requid=-1 if not releases.at_least(w.release, "22.05") else None,
            derived_ec=0,
            restart_cnt=0,
        )
        self._number(row)
        if array:
            if array not in arrays:
                arrays[array] = (row, [number] if waits else [])
            row |= {"id_array_job": arrays[array][0]["id_job"], "id_array_task": number}
        self._rows.jobs.append(row)
        if waits:
            return
        if not started:
            row |= {"state": int(JobState.CANCELLED), "time_end": submitted + work.patience, "kill_requid": row["id_user"]}
            row["mod_time"] = row["time_end"]
            return
        self._run(row, started, work)
        if row["state"] in (JobState.PREEMPTED, JobState.NODE_FAIL) or (row["state"] == JobState.COMPLETED and rng.random() < 0.01):
            self._requeued(row, work)

    def _run(self, row: Row, started: int, work: Work) -> None:
        """Fills in the start and, if that has come, the end."""
        w, rng = self._writer, self._rng
        flags = rng.choice((JobFlag.MAIN_SCHEDULER, JobFlag.BACKFILL))
        flags |= JobFlag.START_RECEIVED if releases.at_least(w.release, "22.05") else 0
        row |= {"state": int(JobState.RUNNING), "time_start": started, "mod_time": started, "flags": int(flags)}
        row |= {"nodelist": node_names(rng, work.partition, work.nodes), "nodes_alloc": work.nodes}
        ended = started + work.run
        paused = rng.randrange(60, 1800) if rng.random() < 0.004 and work.run > 7200 else 0
        done = ended < self._now
        if paused and started + 3600 + paused < self._now:
            row["time_suspended"] = paused
            suspend = {"job_db_inx": row["job_db_inx"], "id_assoc": row["id_assoc"]}
            self._rows.suspends.append(suspend | {"time_start": started + 3600, "time_end": started + 3600 + paused})
        joules = int(work.run * (work.cpus * 6 + work.gpus * 220) * rng.uniform(0.5, 1)) if done else NO_VAL64
        row["tres_alloc"] = f"{row['tres_req']},3={joules}"
        if done:
            row |= {"state": int(work.end), "time_end": ended, "mod_time": ended, "exit_code": EXIT_CODES.get(work.end, 0)}
            if work.end == JobState.CANCELLED:
                row["kill_requid"] = row["id_user"]
        if not done or ended > self._now - STEP_DAYS * DAY:
            self._steps(row, work, done)

    def _requeued(self, row: Row, work: Work) -> None:
        """A further row of the same job that went through."""
        if row["state"] == JobState.COMPLETED:
            row["state"] = int(JobState.REQUEUED)
        submitted = row["time_end"]
        self._clock.now = submitted
        again = row | {"job_db_inx": self._writer.new_key(), "time_submit": submitted, "time_eligible": submitted, "restart_cnt": 1}
        again |= {"time_end": 0, "time_suspended": 0, "exit_code": 0, "time_start": 0, "state": 0, "nodelist": "None assigned"}
        again |= {"nodes_alloc": 0, "tres_alloc": "", "flags": 0, "mod_time": submitted}
        self._number(again)
        self._rows.jobs.append(again)
        if submitted + 120 < self._now:
            self._run(again, submitted + 120, Work(**(work.__dict__ | {"end": JobState.COMPLETED})))

    def _number(self, row: Row) -> None:
        """Keys are counted here where the database would count, so that steps can name them."""
        if row["job_db_inx"] is None:
            self._key += 1
            row["job_db_inx"] = self._key
        if releases.at_least(self._writer.release, "26.05"):
            row["sluid"] = row["job_db_inx"]

    def _steps(self, row: Row, work: Work, done: bool) -> None:
        """Batch and extern step, for wide jobs an srun step too."""
        allocated = f"1={work.cpus},2={work.mem_mb},4={work.nodes}"
        steps: list[tuple[int, str, int]] = [(StepId.BATCH, "batch", 1), (StepId.EXTERN, "extern", work.nodes)]
        if work.cpus > 16:
            steps.append((0, "srun", work.cpus))
        wall = work.run if done else 0
        for step, name, tasks in steps:
            works = step == steps[-1][0] if len(steps) == 3 else step == StepId.BATCH
            cpu = wall * work.cpus * work.efficiency if works else wall * 0.001
            memory = int(work.mem_mb * 1_048_576 * min(1.05, work.efficiency * 0.9 + 0.05)) if works else 4_000_000
            used = usage_columns(cpu * 0.95, cpu * 0.05, memory // tasks if done else 0, memory if done else 0, tasks)
            if works and work.gpus:
                used["tres_usage_in_tot"] += f",{self._writer.tres_string(gpu_usage(work))}"
            state = min(int(row["state"]), 11) if done else int(JobState.RUNNING)
            base = {"job_db_inx": row["job_db_inx"], "id_step": int(step), "step_name": name, "nodelist": row["nodelist"]}
            base |= {"nodes_alloc": work.nodes, "state": state, "task_cnt": tasks, "time_start": row["time_start"]}
            base |= {"time_end": row["time_end"], "exit_code": row["exit_code"], "tres_alloc": allocated}
            self._rows.steps.append(base | (used if done else dict.fromkeys(used, 0) | {n: "" for n in used if n.startswith("tres")}))

    def _node_events(self) -> None:
        """Nodes that were down or drained for a while; one of each cluster still is."""
        rng = self._rng
        reasons = (("Not responding", NodeState.DOWN | NodeState.NO_RESPOND), ("kernel update", NodeState.IDLE | NodeState.DRAIN))
        reasons += (("bad DIMM", NodeState.IDLE | NodeState.DRAIN), ("GPU fell off the bus", NodeState.IDLE | NodeState.DRAIN))
        days = (self._now - self._start) // DAY
        for instant in sorted(rng.randrange(self._start, self._now - DAY) for _ in range(days // 4)):
            self._event(rng, instant, instant + rng.randrange(600, 2 * DAY), *rng.choice(reasons))
        self._event(rng, self._now - rng.randrange(3600, 2 * DAY), 0, *reasons[2])
        self._clock.now = self._now

    def _event(self, rng: random.Random, start: int, end: int, reason: str, state: int) -> None:
        part = rng.choice(self._site.cluster.partitions)
        w = self._writer
        self._clock.now = start
        node = node_names(rng, part, 1)
        w.node_down(node, {"cpu": part.cpus, "mem": part.mem_mb, "billing": part.cpus}, reason=reason, state=state)
        if end and end < self._now:
            w.node_up(node, at=end)


def fill(connect: Callable[[], pymysql.Connection], release: str, plan: Plan) -> str:
    """Creates the tables and the whole site up to plan.now. A line that says what was written.

    Each cluster's jobs are written over a connection of its own, side by side.
    """
    start = plan.start
    connection = connect()
    schema.create_database(connection, release, now=start)
    made = []
    for cluster in sites.CLUSTERS:  # in turn, as TRES and QOS are common to all
        schema.create_cluster(connection, release, cluster.name, now=start)
        clock = ManualClock(start)
        writer = SlurmdbdWriter(connect(), release, cluster.name, clock, timezone=plan.timezone)
        made.append((writer, clock, sites.build(writer, cluster, plan.seed)))
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(lambda one: _past(*one, plan), made))
    sites.administer([writer for writer, _, _ in made], random.Random(f"{plan.seed} changes"), start, plan.now)
    for writer, _, site in made:
        month = writer.local(plan.now).replace(day=1, hour=0, minute=0, second=0)
        sites.set_budgets(writer, site, int(month.timestamp()), BUDGETS)
    names = " and ".join(cluster.name for cluster in sites.CLUSTERS)
    jobs, steps = (sum(len(part) for part in parts) for parts in ([r.jobs for r in rows], [r.steps for r in rows]))
    return f"{jobs} jobs and {steps} steps on {names}, {plan.months} months rolled up"


def _past(writer: SlurmdbdWriter, clock: ManualClock, site: Site, plan: Plan) -> Rows:
    """One cluster's jobs and roll-ups."""
    rng = random.Random(f"{plan.seed} {site.cluster.name} jobs")
    rows = History(writer, clock, site, rng, plan.start, plan.now).write(round(site.cluster.jobs * plan.scale))
    Rollup(writer).run()
    return rows


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.demo.history", description="Fill an accounting database with made-up history.")
    parser.add_argument("--socket", required=True, help="the database server's socket")
    parser.add_argument("--user", default="slurm")
    parser.add_argument("--password", default="")
    parser.add_argument("--database", default="slurm_acct_db", help="must exist and be empty")
    parser.add_argument("--release", default="22.05", choices=releases.RELEASES)
    parser.add_argument("--timezone", default="UTC", help="slurmdbd's time zone")
    parser.add_argument("--months", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the jobs to make")
    parser.add_argument("--now", type=int, default=int(time.time()), help="end of the history, epoch seconds")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    where = {"unix_socket": options.socket, "user": options.user, "password": options.password, "database": options.database}
    plan = Plan(options.now, options.months, options.seed, options.scale, options.timezone)
    said = fill(lambda: pymysql.connect(**where, charset="utf8mb4"), options.release, plan)
    print(f"history: {said}, in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
