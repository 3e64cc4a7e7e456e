"""Real jobs of every fate, in two clusters, in about 90 seconds.

play() submits them, pushes them around and returns when everything that shall end has ended; some jobs then still run,
one is suspended, some wait. finish() ends the rest.
"""

from __future__ import annotations

import dataclasses
import time

from tests.e2e import judge
from tests.support.slurm import Cluster, PrivateSlurm, wait_until

# Every state that a job can be made to end in here. Not: boot_fail (needs nodes that boot), revoked (a federation).
FATES = frozenset("completed failed cancelled timeout node_fail preempted deadline requeued resizing out_of_memory".split())
BUSY = "end=$(($(date +%s) + {seconds})); while [ $(date +%s) -lt $end ]; do :; done"
FILLS = "perl -e '$filled = \"x\" x ({mebibytes} << 20); sleep {seconds}'"


@dataclasses.dataclass
class Jobs:
    """Ids of the jobs that something is done to later, in the first cluster or in the second."""

    timeout: int
    cancelled: int
    held: int
    requeued: int
    resumed: int
    suspended: int
    resized: int
    late: int
    greedy: int
    preempted: int
    preempted_for_good: int


def play(slurm: PrivateSlurm) -> int:
    """Returns an instant in the middle, when jobs ran, waited and were suspended whose fate was open."""
    first, second = slurm.clusters.values()
    jobs = _submit(first, second)

    for job in (jobs.cancelled, jobs.requeued, jobs.resumed, jobs.suspended, jobs.resized, jobs.greedy):
        first.wait_for_state(job, "RUNNING")
    for job in (jobs.preempted, jobs.preempted_for_good):
        second.wait_for_state(job, "RUNNING")
    time.sleep(4)  # seconds that count
    first.scancel(str(jobs.cancelled), str(jobs.held))
    first.scontrol("requeue", str(jobs.requeued))
    first.run_out_of_memory(jobs.greedy)
    first.scontrol("release", str(jobs.late))
    for job in (jobs.resumed, jobs.suspended):
        first.scontrol("suspend", str(job))
    first.scontrol("update", f"jobid={jobs.resized}", "NumNodes=1")
    second.sbatch("sleep 4", user="nobody", account="teaching", partition="cpu", qos="high", ntasks=8)
    time.sleep(5)
    middle = int(time.time()) - 1
    first.scontrol("resume", str(jobs.resumed))
    time.sleep(3)
    first.scontrol("suspend", str(jobs.resumed))
    time.sleep(3)
    first.scontrol("resume", str(jobs.resumed))
    first.wait_for_state(jobs.requeued, "RUNNING")
    first.sbatch("sleep 30", "--hold", user="mail", account="chemistry", partition="cpu,short")
    first.sbatch("sleep 300", user="mail", account="physics", partition="cpu", dependency=f"afterok:{jobs.suspended}")

    # The preempted job runs again; then its node fails under it, and it runs a third time.
    second.wait_for_state(jobs.preempted, "RUNNING")
    time.sleep(2)
    second.scontrol("update", "nodename=n1", "state=down", "reason=test")
    second.wait_for_state(jobs.preempted, "PENDING")
    second.scontrol("update", "nodename=n1", "state=idle")
    second.wait_for_state(jobs.preempted, "RUNNING", seconds=60)

    first.wait_for_state(jobs.late, "DEADLINE")
    first.wait_for_state(jobs.resumed, "COMPLETED", seconds=60)
    first.wait_for_state(jobs.timeout, "TIMEOUT", seconds=120)
    wait_until(lambda: settled(slurm), "slurmdbd to know what slurmctld knows")
    return middle


def finish(slurm: PrivateSlurm) -> None:
    """Cancels all that waits, runs or is suspended, and waits until slurmdbd knows."""
    for cluster in slurm.clusters.values():
        jobs = [job["JobID"] for job in cluster.squeue("-t", "PD,R,S")]
        cluster.scancel(*sorted(set(jobs)))
    wait_until(lambda: not any(cluster.squeue() for cluster in slurm.clusters.values()), "the queues to be empty")
    wait_until(lambda: settled(slurm), "slurmdbd to know that all jobs are over")


def settled(slurm: PrivateSlurm) -> bool:
    """True when slurmdbd knows all that slurmctld knows."""
    by = ("cluster", "account", "user", "partition", "qos", "state")
    return judge.present(judge.read(slurm), by) == judge.queue(slurm.clusters.values(), by)


def _submit(first: Cluster, second: Cluster) -> Jobs:
    def physics(script: str, *args: str, user: str = "games", partition: str = "cpu", **options: object) -> int:
        return first.sbatch(script, *args, user=user, account="physics", partition=partition, **options)

    # It lasts longest, so it goes first.
    timeout = physics("sleep 300", partition="short", time=1)
    requeued = first.sbatch("sleep 300", user="daemon", account="teaching", partition="cpu")
    greedy = first.sbatch("sleep 300", user="daemon", account="teaching", partition="cpu", mem="100M")
    resumed = physics("sleep 45", mem="600M")
    suspended = physics("sleep 300", ntasks=3, qos="high")
    resized = physics("sleep 300", user="mail", nodes=2, ntasks=4, ntasks_per_node=2)
    cancelled = first.sbatch("sleep 300", user="nobody", account="teaching", partition="cpu")
    held = first.sbatch("sleep 300", user="nobody", account="teaching", partition="cpu", hold=True)
    preempted = second.sbatch("sleep 300", user="mail", account="physics", partition="cpu", qos="low", ntasks=4)
    preempted_for_good = second.sbatch(
        "sleep 300", "--no-requeue", user="games", account="physics", partition="short", qos="low", ntasks=4
    )

    physics("sleep 5", user="mail", ntasks=2, mem_per_cpu=1024, wckey="paper")
    physics("sleep 6", licenses="solver:2")
    first.sbatch("sleep 3; exit 3", user="mail", account="chemistry", partition="short", qos="low")
    first.sbatch("exit 1", user="mail", account="chemistry", partition="short")
    first.sbatch("sleep 5", user="daemon", account="chemistry", partition="cpu", qos="high", array="1-5%2")
    # One task runs, four wait.
    first.sbatch("sleep 300", user="daemon", account="chemistry", partition="cpu", array="1-5%1")
    # Cancelled as a whole: one row stands for three tasks that never ran.
    array = first.sbatch("sleep 300", user="daemon", account="chemistry", partition="cpu", array="1-3", hold=True)
    first.scancel(str(array))
    # Cancelled before slurmdbd has heard of it.
    first.scancel(str(first.sbatch("sleep 300", user="nobody", account="teaching", partition="short", hold=True)))
    # Cannot end in time when it is released, so it never starts.
    late = physics("sleep 300", deadline="now+62seconds", time=1, hold=True)
    physics("sleep 300", begin="now+1hour", array="1,4-6", user="mail")
    # GPUs by number and by type, one job on both kinds; the last holds all GPUs of g2 and every core.
    physics("sleep 300", partition="gpu", gres="gpu:a100:1")
    physics("sleep 8", partition="gpu", gres="gpu:1")
    physics("sleep 6", partition="gpu", nodes=2, gres="gpu:1", qos="high")
    first.sbatch(
        "sleep 6", "--exclusive", user="nobody", account="teaching", partition="gpu", nodelist="g2", gres="gpu:v100:2"
    )
    physics("sleep 10", "--ntasks=1", ":", "--account=physics", "--partition=gpu", "--ntasks=2", user="mail")
    # Waits for GPUs that a running job holds.
    physics("sleep 300", partition="gpu", nodelist="g1", gres="gpu:a100:2", user="mail")

    # What is used of what is there: CPU by one of two, in a step of its own too, and memory.
    physics(BUSY.format(seconds=7), ntasks=2)
    first.sbatch(f"srun sh -c '{BUSY.format(seconds=4)}'; sleep 2", user="mail", account="chemistry", partition="cpu", ntasks=2, mem="300M")
    physics(FILLS.format(mebibytes=150, seconds=15), user="mail", mem="400M")

    second.sbatch("sleep 300", user="mail", account="physics", partition="cpu", hold=True, ntasks=2)
    return Jobs(
        timeout, cancelled, held, requeued, resumed, suspended, resized, late, greedy, preempted, preempted_for_good
    )
