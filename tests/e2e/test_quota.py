"""Quotas of a real Slurm: does the exporter say what slurmctld holds them against, and sacctmgr's limits?

    python3 -m tests.e2e.test_quota            # 0 well, 1 something differs, 77 it cannot be run here; two minutes, needs root

Two clusters. In alpha usage does not decay: jobs of every kind that counts differently (QOS with a factor, of 0 too, a QOS of the
partition, suspended, resized, requeued, GPUs) run and end, and then what `scontrol show assoc_mgr` and `sshare` say has been used of
each TRES, of each association and QOS, has to be the exporter's to the minute they print; `mem` makes that a fraction of a second. A
small quota is used up job by job: slurmctld has to start holding jobs exactly when used >= limit. Usage is reset by hand. In beta
usage decays, and is right within what slurmctld's own steps leave open. Limits at random are compared with `sacctmgr show`.
"""

from __future__ import annotations

import contextlib
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable

from tests.e2e import judge, servers
from tests.support.mariadb import PrivateMariaDB
from tests.support.slurm import Account, Cluster, PrivateSlurm, wait_until

CLUSTERS = ("alpha", "beta")
MINUTE = 60
HALF_LIFE = 300  # beta's, in seconds
CALC_PERIOD = 60  # PriorityCalcPeriod=1: so far apart are the steps in which slurmctld counts
DECAY = -math.log(1 - 0.693 / HALF_LIFE)
# TRES of budgets; with gres/gpu:a100, a part of gres/gpu, and one nothing uses.
TRES = ("cpu", "mem", "node", "billing", "gres/gpu", "gres/gpu:a100", "license/solver")
PLENTY = ",".join(f"{name}={10**7}" for name in TRES)
# Of QOS, which are there before slurmctld tells of its GPUs: what is changed later may have had another factor.
SOME = ",".join(f"{name}={10**7}" for name in TRES[:4])
ACCOUNTS = (
    Account("science"),
    Account("physics", "science", ("games", "mail")),
    Account("chemistry", "science", ("mail", "daemon")),
    Account("teaching", "root", ("nobody",)),
    Account("resized", "root", ("daemon",)),
    Account("limits"),
    Account("limits_a", "limits", ("games", "bin")),
    Account("limits_b", "limits_a", ("mail", "news")),
)
QOS = {
    "low": ("Priority=0",),
    "high": ("Priority=100", "Preempt=low"),
    "double": ("UsageFactor=2.5", f"GrpTRESMins={SOME}", "GrpWall=100000"),
    "free": ("UsageFactor=0", f"GrpTRESMins={SOME}"),
    "steady": ("Flags=NoDecay", f"GrpTRESMins={SOME}"),
    "partition": (f"GrpTRESMins={SOME}", "GrpWall=100000"),
    "limits": (),
}
SLURM_CONF = "PartitionName=special Nodes=n1 QOS=partition MaxTime=1-0 DefaultTime=60 State=UP"

Whose = tuple[str, ...]  # (cluster, account, user, partition) or (cluster, "qos:" + name)
Figures = dict[tuple[Whose, str], float]

# Name on the page, which sacctmgr takes too, but for MaxTRESRunMinsPer… -> what it calls its column; of TRES and of numbers.
ASSOCIATION_LIMITS = {
    "GrpJobs": "GrpJobs", "GrpJobsAccrue": "GrpJobsAccrue", "GrpSubmitJobs": "GrpSubmit", "GrpWall": "GrpWall", "MaxJobs": "MaxJobs",
    "MaxJobsAccrue": "MaxJobsAccrue", "MaxSubmitJobs": "MaxSubmit", "MaxWall": "MaxWall", "MinPrioThresh": "MinPrioThresh",
    "GrpTRES": "GrpTRES", "GrpTRESMins": "GrpTRESMins", "GrpTRESRunMins": "GrpTRESRunMins", "MaxTRESPerJob": "MaxTRES",
    "MaxTRESPerNode": "MaxTRESPerNode", "MaxTRESMinsPerJob": "MaxTRESMins", "MaxTRESRunMins": "MaxTRESRunMins",
}  # fmt: skip
QOS_LIMITS = {
    "GrpJobs": "GrpJobs", "GrpJobsAccrue": "GrpJobsAccrue", "GrpSubmitJobs": "GrpSubmit", "GrpWall": "GrpWall",
    "MaxJobsPerAccount": "MaxJobsPA", "MaxJobsPerUser": "MaxJobsPU", "MaxJobsAccruePerAccount": "MaxJobsAccruePA",
    "MaxJobsAccruePerUser": "MaxJobsAccruePU", "MaxSubmitJobsPerAccount": "MaxSubmitPA", "MaxSubmitJobsPerUser": "MaxSubmitPU",
    "MaxWall": "MaxWall", "MinPrioThresh": "MinPrioThresh", "GrpTRES": "GrpTRES", "GrpTRESMins": "GrpTRESMins",
    "GrpTRESRunMins": "GrpTRESRunMins", "MaxTRESPerAccount": "MaxTRESPA", "MaxTRESPerJob": "MaxTRES", "MaxTRESPerNode": "MaxTRESPerNode",
    "MaxTRESPerUser": "MaxTRESPU", "MaxTRESMinsPerJob": "MaxTRESMins", "MaxTRESRunMinsPerAccount": "MaxTRESRunMinsPA",
    "MaxTRESRunMinsPerUser": "MaxTRESRunMinsPU", "MinTRESPerJob": "MinTRES",
}  # fmt: skip


class Report:
    """What was compared, by kind, and what was not as it should be."""

    def __init__(self) -> None:
        self.compared: dict[str, int] = defaultdict(int)
        self.wrong: dict[str, list[str]] = defaultdict(list)

    def check(self, kind: str, right: bool, detail: str) -> None:
        self.compared[kind] += 1
        if not right:
            self.wrong[kind].append(detail)

    def equal(self, kind: str, expected: dict, actual: dict) -> None:
        for key in sorted(expected.keys() | actual.keys(), key=str):
            want, have = expected.get(key), actual.get(key)
            self.check(kind, want == have, f"{key}: Slurm {want}, exporter {have}")

    def show(self, least: dict[str, int]) -> int:
        """Prints the table; how many kinds differ or were compared too little."""
        bad = 0
        for kind in {**self.compared, **least}:
            wrong, compared = self.wrong[kind], self.compared[kind]
            thin = compared < least.get(kind, 1)
            bad += bool(wrong) or thin
            print(f"{kind:<66} {compared:>6} compared {len(wrong):>4} differ{'  TOO FEW' if thin else ''}")
            for detail in wrong[:6]:
                print(f"    {detail}")
        return bad


class Page(servers.Page):
    """The exporter's figures of quotas."""

    @staticmethod
    def whose(labels: dict[str, str]) -> Whose:
        if "qos" in labels:
            return (labels["cluster"], "qos:" + labels["qos"])
        return (labels["cluster"], labels["account"], labels["user"], labels["partition"])

    def quotas(self, metric: str) -> Figures:
        """TRES-seconds in Slurm's units, of associations and QOS."""
        found = {}
        for name in (f"slurmdbd_quota_{metric}_tres_seconds", f"slurmdbd_qos_quota_{metric}_tres_seconds"):
            for labels, value in self.samples[name]:
                found[self.whose(labels), labels["tres"]] = value / (servers.MIB if labels["tres"] == "mem" else 1)
        return found

    def limits(self, prefix: str) -> dict[tuple[Whose, str, str], float]:
        """Who, limit, TRES ("" for a number) -> value in base units."""
        found = {}
        for labels, value in self.samples[prefix] + self.samples[prefix + "_tres"]:
            found[self.whose(labels), labels["limit"], labels.get("tres", "")] = value
        return found


class Site:
    """The servers of one run."""

    def __init__(self, slurm: PrivateSlurm, database: PrivateMariaDB, folder: pathlib.Path) -> None:
        self.slurm = slurm
        self.flags = [
            "--once", *(f"--{name}={value}" for name, value in servers.database_flags(database, folder).items()), "--log.level=warn",
            "--collector.disable-defaults", "--collector.quota",
            *(f"--quota.slurm-conf={name}={cluster.env['SLURM_CONF']}" for name, cluster in slurm.clusters.items()),
        ]  # fmt: skip

    def page(self, *more: str) -> Page:
        command = [str(servers.exporter_binary()), *self.flags, *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise servers.ServerError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return Page(done.stdout)

    def settled(self, cluster: Cluster) -> bool:
        """Nothing runs, and slurmdbd knows it."""
        if any(job["State"] in ("RUNNING", "COMPLETING", "SUSPENDED") for job in cluster.squeue()):
            return False
        return not self.running(cluster)

    def running(self, cluster: Cluster) -> set[int]:
        """Ids of the jobs that run or are suspended, as slurmdbd knows."""
        every = ",".join(str(job) for job in range(1, cluster.highest_job_id() + 1))
        rows = self.slurm.sacct("-X", "-D", "-M", cluster.name, "-j", every, fields=("JobIDRaw", "State"))
        return {int(row["JobIDRaw"]) for row in rows if row["State"] in ("RUNNING", "SUSPENDED")}


def used_by_slurmctld(cluster: Cluster) -> tuple[Figures, Figures]:
    """`scontrol show assoc_mgr`: whole minutes used, and minutes that running jobs may still use."""
    used: Figures = {}
    run: Figures = {}
    for line in cluster.run("scontrol", "-o", "show", "assoc_mgr", "flags=assoc,qos").splitlines():
        association = re.match(r"ClusterName=(\S+) Account=(\S+) UserName=(\w*)(?:\(\d+\))? Partition=(\S*) ", line)
        qos = re.match(r"QOS=(\w+)\(", line)
        if not association and not qos:
            continue
        whose: Whose = tuple(association.groups()) if association else (cluster.name, f"qos:{qos[1]}")
        for figures, field in ((used, "GrpTRESMins"), (run, "GrpTRESRunMins")):
            for part in re.search(rf" {field}=(\S*)", line)[1].split(","):
                name, amount = re.fullmatch(r"(\S+)=\w+\((\d+)\)", part).groups()
                figures[whose, name] = int(amount)
        used[whose, "wall"] = float(re.search(r" GrpWall=\w+\(([\d.]+)\)", line)[1])
    return used, run


def compare_used(report: Report, kind: str, cluster: Cluster, page: Page) -> None:
    """What has a budget on the page, to the last digit that slurmctld prints."""
    used, _ = used_by_slurmctld(cluster)
    for (whose, tres), seconds in page.quotas("used").items():
        if whose[0] != cluster.name:
            continue
        want = used[whose, tres]
        have = round(seconds / MINUTE, 2) if tres == "wall" else seconds // MINUTE
        # scontrol prints two decimals of the wall time.
        right = abs(want - have) <= 0.0101 if tres == "wall" else want == have
        report.check(kind, right, f"{whose} {tres}: slurmctld {want} min, exporter {seconds} s")


def compare_sshare(report: Report, kind: str, cluster: Cluster, page: Page) -> None:
    rows = cluster.run("sshare", "-a", "-h", "-P", "-o", "Account,User,GrpTRESRaw").splitlines()
    for row in rows:
        account, user, text = row.split("|")
        for part in text.split(","):
            name, minutes = part.split("=")
            seconds = page.quotas("used").get(((cluster.name, account.strip(), user, ""), name))
            if seconds is not None:
                report.check(kind, int(minutes) == seconds // MINUTE, f"{row[:40]} {name}: {minutes} min, exporter {seconds} s")


def give_budgets(slurm: PrivateSlurm) -> None:
    for cluster in CLUSTERS:
        for account in ("science", "physics", "chemistry", "resized"):
            slurm.sacctmgr("modify", "account", account, f"cluster={cluster}", "set", f"GrpTRESMins={PLENTY}", "GrpWall=1000000")
        for user, account in (("games", "physics"), ("mail", "physics"), ("mail", "chemistry")):
            where = (f"cluster={cluster}", f"account={account}")
            slurm.sacctmgr("modify", "user", user, *where, "set", f"GrpTRESMins={PLENTY}", "GrpWall=1000000")
    slurm.sacctmgr("modify", "account", "teaching", "cluster=alpha", "set", "GrpTRESMins=cpu=1")


def run_jobs(alpha: Cluster) -> None:
    """Jobs of every kind that slurmctld counts in its own way."""

    def physics(script: str, user: str = "games", partition: str = "cpu", **options: object) -> int:
        return alpha.sbatch(script, user=user, account="physics", partition=partition, time=5, **options)

    suspended = physics("sleep 9", ntasks=2)
    requeued = physics("sleep 6")
    jobs = [
        suspended,
        requeued,
        physics("sleep 6", user="mail", nodes=2, ntasks=4, ntasks_per_node=2),
        physics("sleep 7", qos="double", ntasks=3, mem_per_cpu=700),
        physics("sleep 5", qos="free"),
        physics("sleep 6", user="mail", partition="special", qos="double", licenses="solver:2"),
        alpha.sbatch("sleep 5", user="mail", account="chemistry", partition="special", array="1-3", time=1),
        alpha.sbatch("sleep 6", user="daemon", account="chemistry", partition="gpu", gres="gpu:1", ntasks=2, time=3),
        physics("exit 3"),
    ]
    for job in (suspended, requeued):
        alpha.wait_for_state(job, "RUNNING")
    time.sleep(2)
    alpha.scontrol("suspend", str(suspended))
    alpha.scontrol("requeue", str(requeued))
    time.sleep(4)
    alpha.scontrol("resume", str(suspended))
    for job in jobs:
        alpha.wait_for_state(job, "COMPLETED", "FAILED", seconds=60)


def use_up(report: Report, site: Site) -> None:
    """One job after the other in an account with 60 CPU-seconds, until slurmctld does not start one."""
    alpha, whose = site.slurm.clusters["alpha"], ("alpha", "teaching", "", "")
    started = 0
    while started < 20:
        page = site.page()
        used, limit = (page.quotas(what)[whose, "cpu"] for what in ("used", "limit"))
        job = alpha.sbatch("sleep 2", user="nobody", account="teaching", partition="short", ntasks=8, time=1)

        def fate(job: int = job) -> str:
            known = alpha.job(job)
            held = known.get("Reason") == "AssocGrpCPUMinutesLimit"
            return "held" if held else "started" if known.get("JobState") not in (None, "PENDING") else ""

        held = wait_until(fate, "the job to start or be held") == "held"
        report.check("a job is held when used >= limit, and only then", held == (used >= limit), f"held {held}, used {used} of {limit} s")
        if held:
            alpha.scancel(str(job))
            break
        started += 1
        alpha.wait_for_state(job, "COMPLETED")
        wait_until(lambda: site.settled(alpha), "slurmdbd to know of the end")
    report.check("the quota was used up by several jobs", 3 <= started < 20, f"{started} jobs started")


def watch_running(report: Report, site: Site) -> int:
    """A job that runs: it is counted on, and what is left of its limit is committed. Returns its id."""
    alpha = site.slurm.clusters["alpha"]
    job = alpha.sbatch("sleep 300", user="games", account="physics", partition="cpu", ntasks=2, time=10, qos="normal")
    alpha.wait_for_state(job, "RUNNING")
    # Records of jobs reach slurmdbd some seconds late.
    wait_until(lambda: job in site.running(alpha), "slurmdbd to know that it runs")
    first, (used, run), second = site.page(), used_by_slurmctld(alpha), site.page()
    whose = ("alpha", "physics", "games", "")
    for tres, count in (("cpu", 2), ("mem", 1000), ("node", 1)):
        before, after = (page.quotas("used")[whose, tres] for page in (first, second))
        growth = (after - before) / count
        report.check("what runs is counted on", 0 <= growth <= 30, f"{tres}: {before} then {after}")
        behind = after / MINUTE - used[whose, tres]  # slurmctld adds every minute, or when the job ends
        most = count * (CALC_PERIOD + 30) / MINUTE + 1
        report.check("slurmctld is behind by no more than its period", -0.01 <= behind <= most, f"{tres}: {behind} min, {most}")
        committed = second.quotas("committed")[whose, tres] / MINUTE
        report.check("committed is GrpTRESRunMins, less than a period of it", run[whose, tres] - most <= committed <= run[whose, tres] + 1,
                     f"{tres}: slurmctld {run[whose, tres]} min, exporter {committed} min")  # fmt: skip
    return job


class Steps:
    """How often slurmctld has let beta's usage decay since the jobs ended."""

    def __init__(self, beta: Cluster) -> None:
        self.beta, self.seen = beta, 0
        self.last = self._used()

    def _used(self) -> float:
        return used_by_slurmctld(self.beta)[0][("beta", "physics", "", ""), "mem"]

    def look(self) -> int:
        now = self._used()
        self.seen += now != self.last
        self.last = now
        return self.seen


def decay(report: Report, site: Site, steps: Steps) -> None:
    """Two steps of slurmctld's after the jobs of beta a quarter of the usage is gone."""
    beta = site.slurm.clusters["beta"]
    wait_until(lambda: steps.look() >= 2, "usage to decay", 3 * CALC_PERIOD, 1)
    page = site.page()
    used, _ = used_by_slurmctld(beta)
    least, most = math.exp(-DECAY * (CALC_PERIOD + 3)), math.exp(DECAY * (CALC_PERIOD + 3))
    fell = steady = 0
    for (whose, tres), seconds in page.quotas("used").items():
        if whose[0] != "beta" or tres == "wall" or used[whose, tres] < 50:
            continue
        minutes = seconds / MINUTE
        if whose[1] == "qos:steady":
            report.check("a QOS with NoDecay does not decay", int(minutes) == used[whose, tres], f"{tres}: {used[whose, tres]} {minutes}")
            steady += 1
            continue
        share = (used[whose, tres] + 0.5) / minutes
        report.check("decayed usage, within one period's decay", least <= share <= most, f"{whose} {tres}: {share:.3f} of {minutes:.1f} min")
        fell += 1
    report.check("decayed usage was there to compare", fell >= 3 and steady >= 1, f"{fell}, {steady}")
    full = ("beta", "qos:steady"), "mem"
    whole = page.quotas("used")[("beta", "physics", "games", ""), "mem"] / page.quotas("used")[full]
    report.check("undecayed usage would be seen", whole < 1 / math.exp(DECAY * CALC_PERIOD) + 0.05, f"{whole:.3f} is left")


def resize(report: Report, site: Site) -> None:
    """A job that gives back a node: slurmctld counts what it keeps anew from its last step on, or from the start."""
    alpha = site.slurm.clusters["alpha"]
    job = alpha.sbatch("sleep 9", user="daemon", account="resized", partition="cpu", nodes=2, ntasks=4, ntasks_per_node=2, time=5)
    alpha.wait_for_state(job, "RUNNING")
    time.sleep(3)
    alpha.scontrol("update", f"jobid={job}", "NumNodes=1")
    alpha.wait_for_state(job, "COMPLETED")
    wait_until(lambda: site.settled(alpha), "slurmdbd to know of the end")
    page, (used, _) = site.page(), used_by_slurmctld(alpha)
    whose = ("alpha", "resized", "", "")
    seconds = page.quotas("used")[whose, "mem"]
    more = used[whose, "mem"] + 1 - seconds / MINUTE
    kept = 1000 * 6 / MINUTE  # MiB that it kept, for as long as it had two nodes at the most
    report.check("a resized job, but for what slurmctld counts twice", 0 <= more <= kept + 1, f"{more} min more than {seconds} s")
    exact = [value for labels, value in page.samples["slurmdbd_quota_usage_exact"] if labels["cluster"] == "alpha"]
    report.check("usage is not said to be exact after a resize", exact == [0], f"{exact}")


def random_limits(slurm: PrivateSlurm, chance: random.Random) -> None:
    """Limits at random for a tree of accounts and users, in both clusters, and for a QOS."""

    def tres() -> str:
        return ",".join(f"{name}={chance.randint(0, 5000)}" for name in chance.sample(TRES, chance.randint(1, 4)))

    def options(names: dict[str, str], share: float) -> list[str]:
        chosen = [name for name in names if chance.random() < share]
        return [f"{names[name] if 'RunMinsPer' in name else name}={tres() if 'TRES' in name else chance.randint(0, 4000)}" for name in chosen]

    settable = {name: column for name, column in ASSOCIATION_LIMITS.items() if name != "MaxTRESRunMins"}
    for cluster in CLUSTERS:
        for account in ("limits", "limits_a", "limits_b"):
            given = options(settable, 0.5)
            slurm.sacctmgr("modify", "account", account, f"cluster={cluster}", "set", *given, f"fairshare={chance.randint(1, 99)}")
        for user, account in (("games", "limits_a"), ("mail", "limits_b"), ("news", "limits_b")):
            given = options(settable, 0.4)
            share = chance.choice(["parent", chance.randint(1, 99)])
            slurm.sacctmgr("modify", "user", user, f"account={account}", f"cluster={cluster}", "set", *given, f"fairshare={share}")
    slurm.sacctmgr("modify", "qos", "limits", "set", *options(QOS_LIMITS, 0.9))


def sacctmgr_limits(slurm: PrivateSlurm, what: str, names: dict[str, str]) -> dict[tuple[Whose, str, str], float]:
    """As sacctmgr shows them, in base units."""
    who = ("Name",) if what == "qos" else ("Cluster", "Account", "User", "Partition")
    out = slurm.sacctmgr("-P", "-n", "show", what, "format=" + ",".join([*who, *(column + "%200" for column in names.values())]))
    found = {}
    for line in out.splitlines():
        values = line.split("|")
        key = tuple(values[: len(who)])
        for name, text in zip(names, values[len(who) :], strict=True):
            unit = MINUTE if "Mins" in name else 1
            whoses = [(cluster, "qos:" + key[0]) for cluster in CLUSTERS] if what == "qos" else [key]
            for whose in whoses:
                if "TRES" in name:
                    for tres, count in judge.tres(text).items():
                        found[whose, name, tres] = count * unit
                elif text:
                    found[whose, name, ""] = seconds_of(text) if "Wall" in name else int(text)
    return found


def seconds_of(text: str) -> int:
    """1-02:03:04"""
    days, _, clock = text.rpartition("-")
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds


def compare_limits(report: Report, site: Site) -> None:
    page = site.page()
    for what, prefix, names in (("assoc", "slurmdbd_association_limit", ASSOCIATION_LIMITS), ("qos", "slurmdbd_qos_limit", QOS_LIMITS)):
        report.equal(f"limits: sacctmgr show {what}", sacctmgr_limits(site.slurm, what, names), page.limits(prefix))
    shares = {}
    for line in site.slurm.sacctmgr("-P", "-n", "show", "assoc", "format=Cluster,Account,User,Partition,Share").splitlines():
        *whose, share = line.split("|")
        if share != "parent":
            shares[tuple(whose)] = int(share)
    report.equal("shares: sacctmgr show assoc", shares, {page.whose(labels): value for labels, value in page.samples["slurmdbd_association_shares"]})


def reset_by_hand(report: Report, site: Site) -> None:
    """RawUsage=0 of an account: gone there, below, and from the sums above; QOS keep theirs."""
    alpha, slurm = site.slurm.clusters["alpha"], site.slurm
    slurm.sacctmgr("modify", "account", "physics", "cluster=alpha", "set", "RawUsage=0")
    slurm.sacctmgr("modify", "qos", "double", "set", "RawUsage=0")
    at = int(time.time())
    told = [f"--quota.usage-reset=alpha/physics={at}", f"--quota.usage-reset=alpha/qos:double={at}"]
    wait_until(lambda: used_by_slurmctld(alpha)[0][("alpha", "physics", "", ""), "mem"] == 0, "slurmctld to have reset it")
    compare_used(report, "after RawUsage=0, told about it", alpha, site.page(*told))
    silent = site.page()
    report.check("without being told it would be seen", silent.quotas("used")[("alpha", "physics", "", ""), "mem"] > 0, "nothing was used")
    job = alpha.sbatch("sleep 3", user="games", account="physics", partition="cpu", qos="double", time=1)
    alpha.wait_for_state(job, "COMPLETED")
    wait_until(lambda: site.settled(alpha), "slurmdbd to know of the end")
    compare_used(report, "after RawUsage=0, and a job", alpha, site.page(*told))


def run(report: Report, stack: contextlib.ExitStack, told: Callable[[str], None]) -> None:
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-quota-")))
    database = stack.enter_context(PrivateMariaDB())
    slurm = stack.enter_context(
        PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=CLUSTERS, accounts=ACCOUNTS, qos=QOS, slurm_conf=SLURM_CONF)
    )
    site, alpha, beta = Site(slurm, database, folder), *slurm.clusters.values()
    conf = pathlib.Path(beta.env["SLURM_CONF"])
    conf.write_text(conf.read_text().replace("PriorityDecayHalfLife=0", f"PriorityDecayHalfLife=0:{HALF_LIFE // 60}:0"))
    beta.scontrol("reconfigure")
    give_budgets(slurm)
    told("Slurm is up")

    jobs = [beta.sbatch("sleep 8", user="games", account="physics", partition="cpu", mem="3000M", time=5, qos="steady")]
    for job in jobs:
        beta.wait_for_state(job, "COMPLETED")
    steps = Steps(beta)
    run_jobs(alpha)
    wait_until(lambda: site.settled(alpha), "slurmdbd to know that all jobs are over")
    told("jobs have run")
    page = site.page()
    compare_used(report, "used: scontrol show assoc_mgr", alpha, page)
    compare_sshare(report, "used: sshare", alpha, page)
    exact = {labels["cluster"]: value for labels, value in page.samples["slurmdbd_quota_usage_exact"]}
    report.check("usage is said to be exact without decay only", exact == {"alpha": 1, "beta": 0}, f"{exact}")
    use_up(report, site)
    told("a quota is used up")
    steps.look()
    running = watch_running(report, site)
    random_limits(slurm, random.Random(time.time_ns()))
    compare_limits(report, site)
    told("limits are compared")
    alpha.scancel(str(running))
    alpha.wait_for_state(running, "CANCELLED")
    wait_until(lambda: site.settled(alpha), "slurmdbd to know of the end")
    compare_used(report, "used, when the running job has ended", alpha, site.page())
    reset_by_hand(report, site)
    told("usage is reset")
    resize(report, site)
    decay(report, site, steps)
    told("usage has decayed")


LEAST = {
    "used: scontrol show assoc_mgr": 60,
    "used: sshare": 30,
    "a job is held when used >= limit, and only then": 4,
    "limits: sacctmgr show assoc": 200,
    "limits: sacctmgr show qos": 60,
}


def judged(run: Callable[[Report, contextlib.ExitStack, Callable[[str], None]], None], least: dict[str, int]) -> int:
    """Runs it, saying when it has come how far, and shows the report: the exit code."""
    began, report = time.monotonic(), Report()
    with contextlib.ExitStack() as stack:
        run(report, stack, lambda what: print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True))
    return 1 if report.show(least) else 0


def main() -> int:
    if reason := servers.unavailable():
        print(f"skipped: {reason}")
        return 77
    return judged(run, LEAST)


if __name__ == "__main__":
    sys.exit(main())
