"""The demo's site: two clusters, departments, projects, people, QOS, budgets. Data, and how it is written down."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.accounting import Association, SlurmdbdWriter
from tests.support.session import Tres
from tests.support.values import Action

DAY = 86_400


@dataclass(frozen=True)
class Partition:
    """A part of a cluster and the kind of work done there. weight: share of the cluster's jobs."""

    name: str
    nodes: int
    cpus: int  # per node
    mem_mb: int  # per node
    gpus: int  # per node
    limit: int  # minutes
    weight: float
    prefix: str


@dataclass(frozen=True)
class Cluster:
    """A cluster. jobs: rows of history. typed: also count GPUs as gres/gpu:a100."""

    name: str
    partitions: tuple[Partition, ...]
    jobs: int
    typed: str = ""
    licenses: int = 0

    def capacity(self) -> dict[str, int]:
        """TRES the controller registers; mem in MB."""
        parts = self.partitions
        total = {
            "cpu": sum(p.nodes * p.cpus for p in parts),
            "mem": sum(p.nodes * p.mem_mb for p in parts),
            "node": sum(p.nodes for p in parts),
        }
        total["billing"] = total["cpu"]
        if gpus := sum(p.nodes * p.gpus for p in parts):
            total["gres/gpu"] = gpus
            if self.typed:
                total[self.typed] = gpus
        if self.licenses:
            total["license/matlab"] = self.licenses
        return total

    def node_list(self) -> str:
        return ",".join(f"{p.prefix}[01-{p.nodes:02}]" for p in self.partitions)


ALPINE = Cluster(
    "alpine",
    (
        Partition("short", 8, 32, 128_000, 0, 240, 0.50, "a"),
        Partition("long", 20, 64, 256_000, 0, 4320, 0.26, "b"),
        Partition("gpu", 6, 64, 512_000, 4, 1440, 0.24, "g"),
    ),
    jobs=42_000,
    typed="gres/gpu:a100",
    licenses=20,
)
SUMMIT = Cluster(
    "summit-gpu",
    (
        Partition("batch", 6, 96, 768_000, 8, 2880, 0.75, "s"),
        Partition("interactive", 4, 48, 256_000, 4, 480, 0.25, "i"),
    ),
    jobs=18_000,
)
CLUSTERS = (ALPINE, SUMMIT)

# department -> (organization, projects)
DEPARTMENTS = {
    "physics": ("Faculty of Science", ("astro", "lattice", "plasma")),
    "chemistry": ("Faculty of Science", ("catalysis", "md_simulations")),
    "medicine": ("University Hospital", ("genomics", "imaging")),
    "engineering": ("Faculty of Engineering", ("cfd", "materials", "ml-lab")),
    "economics": ("Faculty of Law and Economics", ("econometrics",)),
}
PEOPLE = (
    "abebe adler akira amara bauer bianchi chen costa dubois eriksen fischer garcia haas hansen ito ivanova jansen keller kim "
    "kowalski lopez martin meyer moreau mueller nguyen novak okafor olsen patel petrov rossi santos schmid silva singh tanaka "
    "weber yilmaz zhang"
).split()
QOS = (
    # name, columns, share of jobs
    ("normal", {"priority": 100}, 0.72),
    ("high", {"priority": 1000, "usage_factor": 2.0, "max_jobs_per_user": 10, "preempt": ["preemptible"]}, 0.08),
    ("long", {"priority": 50, "max_wall_duration_per_job": 20_160, "grp_tres": {"cpu": 512}}, 0.10),
    ("preemptible", {"priority": 1, "usage_factor": 0.25}, 0.10),
)
WCKEYS = ("paper2024", "teaching", "industry")
OFFICE = {"hpc-lee": 3, "hpc-diaz": 2, "service-desk": 2}  # name -> admin_level: 3 administrator, 2 operator
# What they do, and how often.
CHANGES = {Action.ADD_USERS: 6, Action.ADD_ASSOCIATIONS: 8, Action.MODIFY_ASSOCIATIONS: 10, Action.MODIFY_USERS: 4, Action.REMOVE_ASSOCIATIONS: 2,
           Action.REMOVE_USERS: 1, Action.MODIFY_QOS: 1, Action.ADD_COORDINATORS: 1}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One user on one cluster. weight: how busy; wckey 0 for none."""

    association: Association
    weight: float
    wckey: int
    wckey_name: str


@dataclass
class Site:
    """What the history and the simulator need of one cluster, once it is written down."""

    cluster: Cluster
    people: list[Person]
    accounts: dict[str, Association] = field(default_factory=dict)
    qos: dict[str, int] = field(default_factory=dict)


def build(writer: SlurmdbdWriter, cluster: Cluster, seed: int) -> Site:
    """Writes the accounts, users, QOS and TRES of one cluster, as of the writer's clock."""
    rng = random.Random(f"{seed} {cluster.name}")
    with writer.bundle():
        for name in ("gres/gpu", "gres/gpu:a100", "license/matlab", "gres/gpuutil", "gres/gpumem"):
            writer.add_tres(name)
        site = Site(cluster, [])
        for name, columns, _ in QOS[:1] + QOS[:0:-1]:  # preemptible before high, which names it
            site.qos[name] = 1 if name == "normal" else writer.add_qos(name, **columns)
        writer.modify_qos("normal", priority=100)
        writer.register_cluster(cluster.capacity(), nodes=cluster.node_list())
        teams: dict[str, list[str]] = {}
        for department, (organization, projects) in DEPARTMENTS.items():
            site.accounts[department] = writer.add_account(department, organization=organization, shares=rng.randrange(1, 10))
            for project in projects:
                site.accounts[project] = writer.add_account(project, department, organization=organization)
                teams[project] = []
        for place, name in enumerate(PEOPLE):
            for project in {list(teams)[place % len(teams)], *(rng.sample(list(teams), 1) if rng.random() < 0.3 else [])}:
                teams[project].append(name)
        for project in sorted(teams):
            for name in teams[project]:
                association = writer.add_user(name, project, **({"max_jobs": 50} if rng.random() < 0.2 else {}))
                key = rng.choice(WCKEYS) if rng.random() < 0.4 else ""
                number = writer.add_wckey(key, name, default=True) if key else 0
                site.people.append(Person(association, min(8.0, rng.paretovariate(1.2)), number, f"*{key}" if key else ""))
        for department, (_, projects) in DEPARTMENTS.items():
            if cluster is ALPINE:  # coordinators are known on all clusters alike
                writer.add_coordinator(department, teams[projects[0]][0])
        writer.modify_association(site.accounts["economics"], grp_jobs=20, max_wall_pj=2880)
        writer.modify_association(site.accounts["cfd"], grp_tres={"cpu": 512}, grp_submit_jobs=1000)
    return site


def administer(writers: Sequence[SlurmdbdWriter], rng: random.Random, start: int, now: int) -> None:
    """Whoever has rights over the accounting database, and records of what they changed in [start, now), in office hours for the most part:
    records alone, as a trail to look at."""
    for name, level in OFFICE.items():
        row = {"creation_time": start, "mod_time": start, "name": name, "admin_level": level}
        writers[0].insert("user_table", row, "deleted = 0")
    for day in range(start // DAY * DAY, now, DAY):
        working = (day // DAY + 3) % 7 < 5  # 1970-01-01 was a Thursday
        instants = sorted(day + rng.randrange(8 * 3600, 18 * 3600) for _ in range(rng.randrange(2, 9) if working else rng.randrange(2)))
        for instant in instants:
            actor = rng.choice([*OFFICE, "service-desk", "service-desk", "root"])
            action = rng.choices(list(CHANGES), list(CHANGES.values()))[0]
            if start <= instant < now:
                writer = rng.choice(writers)
                cluster = "" if action in (Action.ADD_USERS, Action.MODIFY_USERS, Action.REMOVE_USERS, Action.MODIFY_QOS) else writer.cluster
                row = {"timestamp": instant, "action": int(action), "name": "…", "actor": actor, "cluster": cluster, "info": ""}
                writer.insert("txn_table", row)


def load(writer: SlurmdbdWriter, cluster: Cluster) -> Site:
    """The same, read from a database build() has written to; everybody is equally busy."""
    site = Site(cluster, [])
    site.qos = {row["name"]: row["id"] for row in writer.select("select id, name from qos_table where deleted = 0")}
    assoc = writer.table("%_assoc_table")
    for row in writer.select(f"select id_assoc, acct, user from {assoc} where deleted = 0 and acct <> 'root' order by id_assoc"):
        association = Association(row["id_assoc"], row["acct"], row["user"])
        if association.user:
            site.people.append(Person(association, 1.0, 0, ""))
        else:
            site.accounts[association.account] = association
    return site


def set_budgets(writer: SlurmdbdWriter, site: Site, since: int, fill: dict[str, float]) -> None:
    """GrpTRESMins by what was used since `since` (epoch seconds): fill={'astro': 0.8} leaves astro's budget 80 % used.

    A department's budget covers its projects. Early in the month the last day's pace stands in for what was used.
    """
    accounts = {account: projects for account, (_, projects) in DEPARTMENTS.items()}
    usage = writer.table("%_assoc_usage_hour_table")
    for account, part in fill.items():
        names = {account, *accounts.get(account, ())}
        ids = [str(person.association.id) for person in site.people if person.association.account in names]
        budget: dict[str, int] = {}
        for tres in ("cpu", "gres/gpu"):
            rows = writer.select(
                f"select coalesce(sum(alloc_secs), 0) as n from {usage}"
                f" where id in ({','.join(ids)}) and id_tres = %s and time_start >= %s",
                (writer.tres_id(tres), min(since, writer.clock() - 86_400)),
            )
            if minutes := int(rows[0]["n"]) // 60:
                budget[tres] = int(minutes / part)
        writer.modify_association(site.accounts[account], grp_tres_mins=budget)


def shape_tres(cluster: Cluster, cpus: int, mem_mb: int, nodes: int, gpus: int, licenses: int) -> Tres:
    """TRES of a job by name."""
    tres = {"cpu": cpus, "mem": mem_mb, "node": nodes, "billing": cpus + 16 * gpus}
    if gpus:
        tres["gres/gpu"] = gpus
        if cluster.typed:
            tres[cluster.typed] = gpus
    if licenses:
        tres["license/matlab"] = licenses
    return tres
