"""Lets the demo's clusters go on living: jobs come, start and end, some records arrive late, usage is rolled up every hour.

    python3 -m deploy.demo.simulator --socket /run/mysqld/mysqld.sock --release 22.05

Runs until SIGTERM or SIGINT. The database must hold what deploy.demo.history writes.
"""

from __future__ import annotations

import argparse
import heapq
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

import pymysql

from deploy.demo import site as sites
from deploy.demo.site import Site
from deploy.demo.workload import EXIT_CODES, Work, Workload, gpu_usage, node_names
from tests.support import releases
from tests.support.accounting import Job, JobState, SlurmdbdWriter, system_clock
from tests.support.rollup import Rollup
from tests.support.session import parse_tres
from tests.support.values import StepId

HOUR = 3600
PATIENT = 25  # people submit nothing more while this many jobs wait


@dataclass(order=True)
class Due:
    """Something to write at an instant (epoch seconds)."""

    at: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Simulator:
    """One cluster's life from now on. step() does what is due; call it about every second."""

    def __init__(self, writer: SlurmdbdWriter, site: Site, rng: random.Random, *, jobs_per_minute: float, run: float) -> None:
        """run: seconds a new job typically runs."""
        self._writer = writer
        self._site = site
        self._rng = rng
        self._rate = jobs_per_minute / 60
        self._load = Workload(site, rng, shortest=run)
        self._due: list[Due] = []
        self._count = 0
        self._waiting: list[tuple[Job, Work]] = []
        self._free = {part.name: [part.nodes * part.cpus, part.nodes * part.gpus] for part in site.cluster.partitions}
        self._next_hour = 0
        self._adopt()
        self._plan(writer.clock(), self._submit)

    def step(self) -> None:
        """Writes everything that is due, and rolls up once after the top of the hour."""
        now = self._writer.clock()
        while self._due and self._due[0].at <= now:
            heapq.heappop(self._due).act()
        self._start_waiting()
        if now >= self._next_hour:
            Rollup(self._writer).run()
            self._next_hour = now - now % HOUR + HOUR

    def _plan(self, at: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, Due(at, self._count, act))

    def _adopt(self) -> None:
        """Takes over the open jobs of the history: the running ones end some day, the waiting ones are started in turn."""
        parts = {part.name: part for part in self._site.cluster.partitions}
        people = {person.association.id: person for person in self._site.people}
        gpu = self._writer.tres_id("gres/gpu")
        for job in self._writer.open_jobs():
            wanted = parse_tres(job.tres_alloc or job.tres_req)
            work = self._load.draw()
            work.person = people.get(job.id_assoc, work.person)
            work.partition = parts[job.partition]
            work.cpus, work.mem_mb, work.nodes, work.gpus = wanted[1], wanted[2], wanted.get(4, 1), wanted.get(gpu, 0)
            work.patience = 0
            if job.state == JobState.PENDING:
                job.waiting = tasks_of(job.array_task_str)
                self._waiting.append((job, work))
                continue
            self._take(work)
            left = max(60, job.time_start + job.timelimit * 60 - self._writer.clock())
            self._plan(self._writer.clock() + self._rng.uniform(30, min(left, 4 * HOUR)), self._ender(job, work))

    def _submit(self) -> None:
        """A new job, sometimes an array, unless the queue is long; and the next one's time."""
        w, rng, work = self._writer, self._rng, self._load.draw()
        self._plan(w.clock() + rng.expovariate(self._rate), self._submit)
        if len(self._waiting) >= PATIENT:
            return
        tres = sites.shape_tres(self._site.cluster, work.cpus, work.mem_mb, work.nodes, work.gpus, work.licenses)
        request = {
            "partition": work.partition.name,
            "cpus": work.cpus,
            "mem_mb": work.mem_mb,
            "nodes": work.nodes,
            "billing": tres["billing"],
            "tres": tres,
            "timelimit": work.limit,
            "qos": work.qos,
            "job_name": work.name,
        }
        if rng.random() < 0.05:
            job = w.submit_array(work.person.association, range(1, rng.randrange(3, 9)), **request)
        else:
            job = w.submit(work.person.association, **request)
        self._waiting.append((job, work))

    def _start_waiting(self) -> None:
        """Starts what fits, in order of submission; small jobs pass large ones."""
        w, now = self._writer, self._writer.clock()
        kept: list[tuple[Job, Work]] = []
        for job, work in self._waiting:
            room = self._free[work.partition.name]
            if work.patience and now > job.time_submit + min(work.patience, 90):
                w.end(job, JobState.CANCELLED, killed_by=job.id_user)
            elif now <= job.time_submit or work.cpus > room[0] or work.gpus > room[1]:
                kept.append((job, work))
            else:
                self._take(work)
                where = {"nodelist": node_names(self._rng, work.partition, work.nodes), "nodes": work.nodes}
                started = w.start_task(job, **where) if job.waiting else job
                if started is job and job.state == JobState.PENDING:
                    w.start(job, **where)
                w.start_step(started, StepId.BATCH)
                self._plan(now + work.run, self._ender(started, work))
                if job.waiting:
                    kept.append((job, work))
        self._waiting = kept

    def _ender(self, job: Job, work: Work) -> Callable[[], None]:
        """Ends the job; the record of one in five arrives some seconds after the fact, one in a hundred is paused first."""

        def end(at: int) -> None:
            w, seconds = self._writer, at - job.time_start
            used = max(0.0, seconds * work.cpus * work.efficiency)
            state = JobState.COMPLETED if job.time_start == at else work.end
            with w.bundle():
                peak = int(work.mem_mb * 2**20 * work.efficiency)
                w.end_step(job, StepId.BATCH, at=at, user_cpu=used * 0.95, system_cpu=used * 0.05, peak_memory=peak, more=gpu_usage(work))
                w.end(job, state, at=at, exit_code=EXIT_CODES.get(state, 0), energy=int(seconds * work.cpus * 6))
            self._free[work.partition.name][0] += work.cpus
            self._free[work.partition.name][1] += work.gpus

        def act() -> None:
            now = self._writer.clock()
            chance = self._rng.random()
            if chance < 0.01 and job.state == JobState.RUNNING:
                self._writer.suspend(job)
                self._plan(now + 20, lambda: self._writer.resume(job))
                self._plan(now + 30, act)
            elif chance < 0.2:
                self._plan(now + self._rng.randrange(1, 4), lambda: end(now))
            else:
                end(now)

        return act

    def _take(self, work: Work) -> None:
        self._free[work.partition.name][0] -= work.cpus
        self._free[work.partition.name][1] -= work.gpus


def tasks_of(mask: str | None) -> list[int]:
    """'0xE' as [1, 2, 3]."""
    bits = int(mask, 16) if mask else 0
    return [task for task in range(bits.bit_length()) if bits >> task & 1]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.demo.simulator", description="Let the demo's clusters live on.")
    parser.add_argument("--socket", required=True, help="the database server's socket")
    parser.add_argument("--user", default="slurm")
    parser.add_argument("--password", default="")
    parser.add_argument("--database", default="slurm_acct_db")
    parser.add_argument("--release", default="22.05", choices=releases.RELEASES)
    parser.add_argument("--timezone", default="UTC", help="slurmdbd's time zone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs-per-minute", type=float, default=12.0, help="new jobs per cluster")
    parser.add_argument("--run", type=float, default=90.0, help="seconds a new job typically runs")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    running = []
    for cluster in sites.CLUSTERS:
        connection = pymysql.connect(
            unix_socket=options.socket, user=options.user, password=options.password, database=options.database, charset="utf8mb4"
        )
        writer = SlurmdbdWriter(connection, options.release, cluster.name, system_clock, timezone=options.timezone)
        rng = random.Random(f"{options.seed} {cluster.name} {time.time()}")
        running.append(
            Simulator(writer, sites.load(writer, cluster), rng, jobs_per_minute=options.jobs_per_minute, run=options.run)
        )
    print("simulator: running", flush=True)
    while not ended.wait(1.0):
        for simulator in running:
            simulator.step()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
