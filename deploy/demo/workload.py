"""Made-up work: what a job asks for, how long it runs and how it ends."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Callable

from deploy.demo.site import QOS, Cluster, Partition, Person, Site
from tests.support.values import JobState

# chance of each end
ENDS = (
    (JobState.COMPLETED, 0.80),
    (JobState.FAILED, 0.08),
    (JobState.CANCELLED, 0.05),
    (JobState.TIMEOUT, 0.045),
    (JobState.OUT_OF_MEMORY, 0.015),
    (JobState.PREEMPTED, 0.004),
    (JobState.NODE_FAIL, 0.003),
    (JobState.BOOT_FAIL, 0.001),
    (JobState.DEADLINE, 0.002),
)
# Part of what others use that some accounts do: people hand on their scripts.
HABITS = {"econometrics": 0.25, "imaging": 0.45, "lattice": 0.6, "genomics": 0.8}
GPU_MEMORY = 40 * 2**30
EXIT_CODES = {JobState.FAILED: 256, JobState.CANCELLED: 15, JobState.TIMEOUT: 0, JobState.OUT_OF_MEMORY: 125 << 8}
NAMES = ("md_run", "train", "align", "cfd_mesh", "postproc", "sweep", "notebook", "render", "mcmc", "test")


@dataclass
class Work:
    """One job as asked for. run: seconds it would run. patience: seconds it waits before it is cancelled, 0 for ever."""

    person: Person
    partition: Partition
    qos: int
    name: str
    cpus: int
    mem_mb: int
    nodes: int
    gpus: int
    licenses: int
    limit: int  # minutes
    run: int
    end: JobState
    patience: int
    efficiency: float  # of its CPUs, 0 to 1


class Workload:
    """Draws jobs of one cluster from a random source; the same source gives the same jobs."""

    def __init__(self, site: Site, rng: random.Random, *, shortest: float = 0.0) -> None:
        """shortest: if given, runs last about this many seconds (for a lively demo) instead of a site's minutes to days."""
        self._site = site
        self._rng = rng
        self._shortest = shortest
        self._people = list(accumulate(person.weight for person in site.people))
        self._partitions = list(accumulate(part.weight for part in site.cluster.partitions))
        self._qos = list(accumulate(share for _, _, share in QOS))
        self._ends = list(accumulate(share for _, share in ENDS))

    def draw(self) -> Work:
        rng, cluster = self._rng, self._site.cluster
        person = rng.choices(self._site.people, cum_weights=self._people)[0]
        part = rng.choices(cluster.partitions, cum_weights=self._partitions)[0]
        qos = rng.choices(QOS, cum_weights=self._qos)[0][0]
        end = rng.choices(ENDS, cum_weights=self._ends)[0][0]
        nodes = rng.choice((1, 1, 1, 1, 1, 1, 2, 2, 4)) if part.nodes >= 8 else 1
        gpus = nodes * min(part.gpus, rng.choice((1, 2, 4, 8) if part.gpus > 4 else (1, 1, 1, 2, 4))) if part.gpus else 0
        per_node = part.cpus if nodes > 1 else min(part.cpus // 2, 2 ** rng.randrange(0, 6))
        limit = rng.choice([minutes for minutes in (15, 60, 120, 240, 480, 1440, 4320) if minutes <= part.limit])
        share = max(0.002, min(0.98, rng.lognormvariate(-1.6, 1.0)))
        run = limit * 60 if end == JobState.TIMEOUT else int(limit * 60 * share)
        if end in (JobState.FAILED, JobState.OUT_OF_MEMORY) and rng.random() < 0.5:
            run = min(run, rng.randrange(2, 120))
        if self._shortest:
            run = int(self._shortest * rng.lognormvariate(0, 1)) + 1
            end = JobState.COMPLETED if end == JobState.TIMEOUT else end
        return Work(
            person=person,
            partition=part,
            qos=self._site.qos[qos],
            name=rng.choice(NAMES),
            cpus=per_node * nodes,
            mem_mb=max(500, int(part.mem_mb / part.cpus * per_node * rng.uniform(0.3, 1.0))) * nodes,
            nodes=nodes,
            gpus=gpus,
            licenses=1 if cluster.licenses and person.association.account in ("econometrics", "imaging") and rng.random() < 0.5 else 0,
            limit=limit,
            run=max(1, run),
            end=end,
            patience=rng.randrange(60, 7200) if end == JobState.CANCELLED and rng.random() < 0.5 else 0,
            efficiency=min(0.999, rng.betavariate(5, 1.5)) * HABITS.get(person.association.account, 1.0),
        )


def gpu_usage(work: Work) -> dict[str, int]:
    """What Slurm gathers of a work's GPUs: percent and bytes of all of them together. They are kept busy less well than CPUs."""
    return {"gres/gpuutil": int(80 * work.efficiency * work.gpus), "gres/gpumem": int(GPU_MEMORY * work.efficiency) * work.gpus} if work.gpus else {}


def pace(local: datetime) -> float:
    """How busy people are at a local time, about 0.1 to 1.6: working hours, lunch, nights, weekends."""
    hour = local.hour + local.minute / 60
    day = 0.25 + 1.3 * math.exp(-(((hour - 10.5) / 2.6) ** 2)) + 1.1 * math.exp(-(((hour - 15.5) / 2.8) ** 2))
    return day * (0.35 if local.weekday() >= 5 else 1.0)


def arrivals(rng: random.Random, count: int, start: int, end: int, local: Callable[[int], datetime]) -> list[int]:
    """`count` submission times in [start, end), epoch seconds, sorted; `local` turns an instant into local time."""
    hours = range(start, end, 3600)
    weights = list(accumulate(pace(local(hour)) for hour in hours))
    return sorted(min(end - 1, rng.choices(hours, cum_weights=weights)[0] + rng.randrange(3600)) for _ in range(count))


def node_names(rng: random.Random, part: Partition, nodes: int) -> str:
    """A nodelist of `nodes` neighbours."""
    first = rng.randrange(1, part.nodes - nodes + 2)
    return f"{part.prefix}{first:02}" if nodes == 1 else f"{part.prefix}[{first:02}-{first + nodes - 1:02}]"


class Room:
    """One partition's free CPUs and GPUs, its running works and its queue; started works get their start time."""

    DEPTH = 60  # how far down the queue a work is looked for that fits
    LONGEST = 6 * 3600  # seconds the first may wait before others no longer pass it

    def __init__(self, part: Partition) -> None:
        self._cpus = part.nodes * part.cpus
        self._gpus = part.nodes * part.gpus
        self._running: list[tuple[int, int]] = []  # (end, number)
        self._waiting: list[tuple[int, int, Work]] = []  # (submitted, number, work)
        self._works: dict[int, Work] = {}
        self.starts: dict[int, int] = {}

    def submit(self, submitted: int, number: int, work: Work) -> None:
        self.advance(submitted)
        self._waiting.append((submitted, number, work))
        self._fill(submitted + 1)

    def advance(self, until: int) -> None:
        """Ends and starts all that happens up to an instant."""
        while self._running and self._running[0][0] <= until:
            now, number = heapq.heappop(self._running)
            self._cpus += self._works[number].cpus
            self._gpus += self._works.pop(number).gpus
            self._fill(now)

    def _fill(self, now: int) -> None:
        left = []
        blocked = bool(self._waiting) and now - self._waiting[0][0] > self.LONGEST
        for place, (submitted, number, work) in enumerate(self._waiting):
            if work.patience and now - submitted > work.patience:
                self.starts[number] = 0
            elif place < self.DEPTH and not (blocked and place) and work.cpus <= self._cpus and work.gpus <= self._gpus:
                self._cpus -= work.cpus
                self._gpus -= work.gpus
                self._works[number] = work
                self.starts[number] = max(now, submitted + 1)
                heapq.heappush(self._running, (self.starts[number] + work.run, number))
            else:
                left.append((submitted, number, work))
        self._waiting = left


def queue(works: list[tuple[int, Work]], cluster: Cluster) -> list[int]:
    """Start times (epoch seconds) of works given in order of submission; 0 for those that gave up waiting."""
    rooms = {part.name: Room(part) for part in cluster.partitions}
    for number, (submitted, work) in enumerate(works):
        rooms[work.partition.name].submit(submitted, number, work)
    starts: dict[int, int] = {}
    for room in rooms.values():
        room.advance(1 << 40)
        starts |= room.starts
    return [starts[number] for number in range(len(works))]
