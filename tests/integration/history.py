"""A fixed history: jobs of every fate on one cluster, the same second by second whenever and in whatever release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.support.accounting import SlurmdbdWriter
from tests.support.jobs import Job
from tests.support.nodes import EVENT
from tests.support.rollup import Rollup
from tests.support.session import ManualClock, parse_tres
from tests.support.values import INFINITE, Action, JobState, NodeState, ReservationFlag, StepId

EPOCH = "2025-06-15"  # 00:00 UTC; some jobs started the day before
MIDNIGHT = 1_749_945_600
END = MIDNIGHT + 12 * 3600
FLAGS = {
    "counter.epoch": EPOCH, "timezone": "UTC", "as-of": END, "quota.decay-half-life": "0", "quota.reset-period": "alpha=monthly",
    "quota.warning-ratio": "alpha/physics=0.9", "cost.price-book": str(Path(__file__).with_name("price_book.yml")),
}  # fmt: skip


def write(writer: SlurmdbdWriter, clock: ManualClock) -> None:
    """Tells it all; the clock is at END afterwards. The cluster has the accounts physics and chemistry."""
    clock.now = MIDNIGHT - 7200
    writer.add_tres("gres/gpu")
    writer.add_tres("gres/gpu:a100")
    writer.add_tres("license/solver")
    writer.add_qos("high", priority=100, usage_factor=2.0)
    ada, marie = writer.association("physics", "ada"), writer.association("chemistry", "marie")
    writer.modify_association(writer.association("root"), max_jobs=50, max_tres_pj={"cpu": 40, "node": 4})
    writer.modify_association(
        writer.association("physics"),
        grp_tres_mins={"cpu": 3000, "mem": 5_000_000, "gres/gpu": 600}, grp_wall=4000, grp_tres={"gres/gpu": 4}, grp_jobs=20, shares=30,
    )  # fmt: skip
    writer.modify_association(ada, grp_tres_mins={"cpu": 2000}, max_jobs=5, max_wall_pj=1440, shares=2147483647)
    writer.add_qos("capped", grp_tres_mins={"cpu": 100}, grp_wall=60, max_tres_pu={"cpu": 8}, max_jobs_per_user=3, min_tres_pj={"cpu": 2})
    writer.modify_qos("high", grp_tres_mins={"cpu": 5000})
    gpus = {"gres/gpu": 2, "gres/gpu:a100": 2}

    # Started before the epoch: two hours of it do not count, nor does the suspension in them.
    key = writer.add_wckey("paper", "ada")
    writer.add_coordinator("physics", "ada")
    spanning = writer.submit(ada, cpus=8, mem_mb=16_000, id_wckey=key)
    writer.start(spanning)
    writer.suspend(spanning, at=MIDNIGHT - 3600)
    writer.resume(spanning, at=MIDNIGHT - 1800)
    clock.now = MIDNIGHT + 1800
    writer.end(spanning, energy=123_456)
    forgotten = writer.submit(ada, at=MIDNIGHT - 7000)
    writer.start(forgotten, at=MIDNIGHT - 6900)
    writer.end(forgotten, at=MIDNIGHT - 60)

    final_states = ("COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED")
    for number, name in enumerate(final_states):
        clock.now = MIDNIGHT + 3600 + 60 * number
        job = writer.submit(marie if number % 2 else ada, cpus=number + 1, partition="cpu,long", qos="high" if number > 4 else "normal")
        writer.start(job, at=clock.advance(30))
        writer.end(job, JobState[name], at=clock.advance(600 + number), exit_code=number << 8, energy=1000 * number)

    clock.now = MIDNIGHT + 4 * 3600
    writer.end(writer.submit(ada), JobState.CANCELLED, at=clock.advance(5), killed_by=0)
    cancelled = writer.submit(marie, cpus=2, mem_mb=500, tres=gpus, partition="gpu")
    writer.start(cancelled, at=clock.advance(10))
    writer.end(cancelled, JobState.CANCELLED, at=clock.advance(100), killed_by=1000)
    runaway = writer.submit(ada)
    writer.start(runaway)
    requeued = writer.submit(marie, cpus=3, tres={"license/solver": 5})
    writer.start(requeued, at=clock.advance(7))
    again = writer.requeue(requeued, at=clock.advance(50))
    writer.start(again, at=clock.advance(5))
    writer.end(again, at=clock.advance(500))
    resized = writer.submit(ada, cpus=8, nodes=2, mem_mb=8000)
    writer.start(resized, nodes=2, nodelist="n[1-2]")
    smaller = writer.resize(resized, {"cpu": 4, "mem": 4000, "node": 1, "billing": 4}, at=clock.advance(300))
    writer.end(smaller, at=clock.advance(300))
    writer.fix_runaway_jobs(runaway)

    clock.now = MIDNIGHT + 8 * 3600
    array = writer.submit_array(marie, range(1, 8), max_running=2, cpus=2)
    first = writer.start_task(array)
    writer.start_task(array)
    writer.end(first, at=clock.advance(240))
    for part in writer.submit_heterogeneous(ada, [{"cpus": 1}, {"cpus": 16, "partition": "gpu", "tres": gpus}]):
        writer.start(part, at=clock.now + 60)
    paused = writer.submit(marie, cpus=6)
    writer.start(paused)
    writer.suspend(paused, at=clock.advance(400))
    twice = writer.submit(ada, cpus=2)
    writer.start(twice)
    for _ in range(2):
        writer.suspend(twice, at=clock.advance(100))
        writer.resume(twice, at=clock.advance(30))
    writer.submit(ada, eligible=0, cpus=12)  # held
    writer.submit(marie, eligible=INFINITE)  # throttled
    writer.submit(marie, eligible=END + 3600, tres=gpus, partition="gpu,cpu")  # begins later
    writer.submit(ada, timelimit=INFINITE, qos="high")
    _use(writer)
    _take_nodes_away(writer)
    _reserve(writer, clock)
    writer.record_transaction(Action.MODIFY_ACCOUNTS, "(name='physics')", "description='heat'", actor="ada")
    writer.execute("update txn_table set cluster = '' where action = %s", (int(Action.MODIFY_ACCOUNTS),))
    writer.record_transaction(Action.MODIFY_ASSOCIATIONS, "(id_assoc=2)", "max_jobs=7")
    clock.now = END - 3600
    Rollup(writer).run()
    writer.trigger_reroll(END - 2 * 3600 - 1000)
    clock.now = END


def _use(writer: SlurmdbdWriter) -> None:
    """Steps of the jobs that have ended, but of one of them; one's step has not finished. What was used differs from job to job."""
    writer.add_tres("gres/gpuutil")
    writer.add_tres("gres/gpumem")
    # Some asked for half of the memory they got.
    writer.execute("update alpha_job_table set mem_req = mem_req div 2 where id_job % 3 = 0")
    ended = writer.select("select * from alpha_job_table where time_end > 0 and tres_alloc != '' order by id_job, time_submit")
    for number, job in enumerate(map(Job, ended[:-1])):
        cpus, memory, gpus = (parse_tres(job.tres_alloc).get(tres, 0) for tres in (1, 2, 1001))
        available = cpus * (job.time_end - job.time_start - job.time_suspended)
        writer.start_step(job, StepId.BATCH, at=job.time_start)
        if number != 3:
            writer.end_step(job, StepId.BATCH, at=job.time_end, user_cpu=available * number / 32, system_cpu=0.25, peak_memory=2**20 * number)
        writer.start_step(job, 0, tasks=4, at=job.time_start)
        gathered = {"gres/gpuutil": 60 * gpus, "gres/gpumem": 2**30 * number} if gpus else None
        writer.end_step(
            job, 0, at=job.time_end, user_cpu=available / 4, peak_memory=2**20 * memory // 8, total_memory=2**20 * memory // 4, tasks=4, more=gathered
        )


def _take_nodes_away(writer: SlurmdbdWriter) -> None:
    """Nodes that came back, one that changed its state, and two that were away while the cluster grew."""
    node = {"cpu": 16, "mem": 64_000, "billing": 16}
    writer.node_down("n1", node, at=MIDNIGHT - 3600)
    writer.node_up("n1", at=MIDNIGHT + 600)
    writer.node_down("n2", node, at=MIDNIGHT + 5 * 3600)
    writer.node_down("n2", node, reason='bad "disk"', state=NodeState.IDLE | NodeState.DRAIN, uid=1000, at=MIDNIGHT + 5 * 3600 + 900)
    # Away for a hundred days: its rows follow those of the registrations.
    absent = {"node_name": "n3", "state": int(NodeState.DOWN | NodeState.NO_RESPOND), "tres": writer.tres_string(node)}
    absent |= {"reason": "Not responding", "reason_uid": 0}
    registered = {"node_name": "", "cluster_nodes": "n[1-4]", "tres": writer.tres_string({"cpu": 64, "node": 4})}
    registered |= {"reason": "Cluster Registered TRES"}
    for row, starts in ((registered, (120, 60)), (absent, (100, 60))):
        for start, end in zip(starts, (starts[1], 1), strict=True):
            writer.insert(EVENT, row | {"time_start": MIDNIGHT - start * 86_400, "time_end": MIDNIGHT - end * 86_400})
    writer.insert(EVENT, absent | {"time_start": MIDNIGHT - 86_400, "time_end": 0})
    grown = {"cpu": 80, "mem": 320_000, "node": 5, "billing": 80, "gres/gpu": 4}
    writer.register_cluster(grown, nodes="n[1-5]", host="ctl.example.org", at=MIDNIGHT + 7 * 3600)
    writer.node_down("n4", node, reason="kernel", state=NodeState.IDLE | NodeState.DRAIN, uid=1000, at=MIDNIGHT + 8 * 3600)
    writer.node_up("n4", at=MIDNIGHT + 9 * 3600)
    writer.node_down("n5", node, reason="kernel", state=NodeState.IDLE | NodeState.DRAIN, uid=1000, at=END - 60)


def _reserve(writer: SlurmdbdWriter, clock: ManualClock) -> None:
    """Reservations: one that was changed while it ran and is half used, one for years, one each day, one removed."""
    course = writer.add_reservation("course", MIDNIGHT + 9 * 3600, END + 3600, {"cpu": 16, "mem": 32_000, "node": 1}, nodelist="n1")
    standing = writer.add_reservation(
        "standing", MIDNIGHT - 30 * 86_400, END + 5000 * 86_400, {"cpu": 2, "license/solver": 5}, flags=ReservationFlag.IGNORE_JOBS
    )
    for day in range(-1, 3):
        begin = MIDNIGHT + day * 86_400 + 3600
        writer.add_reservation("nightly", begin, begin + 3600, {"cpu": 80}, flags=ReservationFlag.DAILY | ReservationFlag.MAINT, nodelist="n[1-5]")
    removed = writer.add_reservation("removed", MIDNIGHT + 9 * 3600, END + 3600, {"cpu": 4})
    ada = writer.association("physics", "ada")
    for reservation, cpus, begin, end in ((course, 8, 9 * 3600, 11 * 3600), (standing, 2, 8 * 3600, 9 * 3600)):
        job = writer.submit(ada, at=MIDNIGHT + begin, cpus=cpus, mem_mb=1000, id_resv=reservation)
        writer.start(job, at=MIDNIGHT + begin)
        writer.end(job, at=MIDNIGHT + end)
    clock.now = MIDNIGHT + 10 * 3600
    writer.change_reservation(course, tres={"cpu": 32, "mem": 64_000, "node": 2}, nodelist="n[1-2]")
    writer.remove_reservation(removed)


def bulk(writer: SlurmdbdWriter, count: int) -> None:
    """Many short jobs of chemistry, ended one by one within the month before the history begins and up to its end."""
    bulk_at(writer, count, END)


def bulk_at(writer: SlurmdbdWriter, count: int, last: int) -> None:
    """The same, ended up to `last`."""
    marie = writer.association("chemistry", "marie")
    template = writer.new_row(marie, partition="bulk", at=min(MIDNIGHT, last), id_job=10**6)
    allocated = str(template["tres_req"])

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(count):
            ended = last - 1 - number * 800
            row = template | {
                "job_db_inx": template["job_db_inx"] and template["job_db_inx"] - 1 - number,
                "id_job": 10**6 + number,
                "state": int(JobState.COMPLETED if number % 5 else JobState.FAILED),
                "time_submit": ended - 700,
                "time_eligible": ended - 700,
                "time_start": ended - 500,
                "time_end": ended,
                "tres_alloc": allocated,
            }
            yield tuple(row.values())

    writer.insert_many("%_job_table", list(template), rows())
