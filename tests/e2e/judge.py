"""What sacct and squeue say the numbers are.

Every number comes out of sacct: elapsed seconds, states, TRES, names. What it cannot say is worked out here and marked
with "sacct cannot". Facts about sacct of Slurm 22.05 that this relies on, all seen with the real one:

- Without -j it leaves out rows that were never eligible (held, dependency, throttled array), whatever -S, -E and -s say;
  with -j and every job id it lists all rows.
- With -E it leaves out rows that were submitted later.
- `-T -E T` clips the elapsed time of rows that are open, or ended later, to T, less the suspensions in between. But a
  suspension that has not ended is left out: the row seems to run on. Without -T such a row's elapsed time is right, and it
  stands still. (So T must not lie before the suspension began.)
- With -T the start of a row that never started becomes its end, or T. Whether a row started can be told without -T only.
- A row that was cancelled before slurmdbd knew it, or ended with DEADLINE, has Start = End though it never ran. Its
  NodeList is "None assigned" and its AllocTRES empty.
- The row that goes on after a resize starts, for sacct, when the job started, not when it was resized: its elapsed time
  counts the seconds before the resize once more.
- A job that is cancelled while suspended has ended when it was suspended, however long ago that was.
- A pending array is one row, its tasks are in JobID: 8_[2-5%1].
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence

import pymysql

from tests.support.slurm import Cluster, PrivateSlurm

FIELDS = (
    "Cluster", "JobIDRaw", "JobID", "Account", "User", "Partition", "QOS", "State", "Submit", "Start", "End",
    "Eligible", "TimelimitRaw", "ElapsedRaw", "Suspended", "NodeList", "AllocTRES", "ReqTRES",
)  # fmt: skip
OPEN_STATES = ("pending", "running", "suspended")
Totals = dict[tuple[str, ...], int]
MB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of `sacct -D -X`: one run of a job, or a job that waits."""

    cluster: str
    account: str
    user: str
    partition: str
    qos: str
    state: str
    job: str
    job_raw: int
    submit: int
    eligible: int | None
    timelimit: int | None  # minutes
    start: int | None
    end: int | None
    elapsed: int
    tasks: int
    allocated: dict[str, int]
    requested: dict[str, int]
    text: str

    @property
    def started(self) -> bool:
        return self.start is not None


def tres(text: str) -> dict[str, int]:
    """'billing=9,cpu=1,gres/gpu=1,mem=500M' with mem in bytes. Energy that was never measured is left out."""
    counts = {}
    for part in filter(None, text.split(",")):
        name, _, amount = part.rpartition("=")
        number, unit = re.fullmatch(r"([\d.]+)([KMGTP]?)", amount).groups()
        count = float(number) * 1024 ** " KMGTP".index(unit or " ")
        if name == "mem" and not unit:
            count *= MB
        assert count == int(count), text
        if name != "energy":
            counts[name] = int(count)
    return counts


def tasks(job_id: str) -> int:
    """Tasks that a row stands for: 4 for '8_[2-5%1]', 1 for '7_3' and '16+0'."""
    found = re.fullmatch(r"\d+_\[([^%\]]+)(?:%\d+)?\]", job_id)
    if not found:
        return 1
    count = 0
    for part in found[1].split(","):
        first, _, rest = part.partition("-")
        last, _, step = rest.partition(":")
        count += len(range(int(first), int(last or first) + 1, int(step or 1)))
    return count


def _instant(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def read(slurm: PrivateSlurm, at: int | None = None, jobs: Iterable[int] | None = None) -> list[Row]:
    """All rows of all clusters. With `at`, elapsed times are as of then; the states are always today's. `jobs`: ids, when not all come
    from the controllers."""
    if jobs is None:
        jobs = range(1, max(cluster.highest_job_id() for cluster in slurm.clusters.values()) + 1)
    every = ("-D", "-X", "--noconvert", "-j", ",".join(map(str, jobs)))
    plain = slurm.sacct(*every, fields=FIELDS)
    clipped = {}
    if at is not None:
        for row in slurm.sacct(*every, "-T", "-S", "uts1000000000", "-E", f"uts{at}", fields=FIELDS):
            clipped[row["Cluster"], row["JobIDRaw"], row["Submit"]] = row
    rows = []
    for row in plain:
        elapsed = int(row["ElapsedRaw"])
        if at is not None and int(row["Submit"]) > at:
            elapsed = 0
        elif at is not None and not row["State"].startswith("SUSPENDED"):
            elapsed = int(clipped[row["Cluster"], row["JobIDRaw"], row["Submit"]]["ElapsedRaw"])
        ran = row["NodeList"] != "None assigned"
        assert ran == bool(row["AllocTRES"]), row
        assert ran or elapsed == 0, row
        rows.append(
            Row(
                cluster=row["Cluster"],
                account=row["Account"],
                user=row["User"],
                partition=row["Partition"],
                qos=row["QOS"],
                state=row["State"].split()[0].lower(),
                job=row["JobID"],
                job_raw=int(row["JobIDRaw"]),
                submit=int(row["Submit"]),
                eligible=_instant(row["Eligible"]),
                timelimit=_instant(row["TimelimitRaw"]),
                start=_instant(row["Start"]) if ran else None,
                end=_instant(row["End"]),
                elapsed=elapsed,
                tasks=tasks(row["JobID"]),
                allocated=tres(row["AllocTRES"]),
                requested=tres(row["ReqTRES"]),
                text="|".join(row.values()),
            )
        )
    keys = {(row.cluster, row.job, row.submit) for row in rows}
    assert len(keys) == len(rows), "sacct listed a row twice"
    return rows


def total(rows: Iterable[Row], by: Sequence[str], amount: Callable[[Row], int], value: str = "") -> Totals:
    """Sums over rows. `by` names fields of Row, and `value` a further label's value."""
    sums: Totals = {}
    for row in rows:
        key = (*(getattr(row, label) for label in by), *([value] if value else []))
        sums[key] = sums.get(key, 0) + amount(row)
    return sums


def total_tres(rows: Iterable[Row], by: Sequence[str], amounts: Callable[[Row], dict[str, int]]) -> Totals:
    """Like total(), one sum for each TRES, whose name is the last part of the key."""
    sums: Totals = {}
    for row in rows:
        for name, count in amounts(row).items():
            key = (*(getattr(row, label) for label in by), name)
            sums[key] = sums.get(key, 0) + count
    return sums


def consumed(rows: Iterable[Row], by: Sequence[str]) -> Totals:
    return total_tres(rows, by, lambda row: {name: count * row.elapsed for name, count in row.allocated.items()})


def started(rows: Iterable[Row], by: Sequence[str], at: int | None = None) -> Totals:
    return total((row for row in rows if row.started and (at is None or row.start <= at)), by, lambda _: 1)


def ended(rows: Iterable[Row], by: Sequence[str], at: int | None = None) -> Totals:
    return total((row for row in rows if row.end is not None and (at is None or row.end <= at)), by, lambda _: 1)


def lost(rows: Iterable[Row], by: Sequence[str], at: int | None = None) -> Totals:
    """What rows that have ended consumed."""
    return consumed((row for row in rows if row.end is not None and (at is None or row.end <= at)), by)


# Upper bounds of the exporter's histograms, which are cumulative: seconds, seconds, shares.
MINUTE, HOUR, DAY = 60, 3600, 86400
WAITS = (10, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, *(n * HOUR for n in (1, 2, 4, 8, 12)), *(n * DAY for n in (1, 2, 3, 7, 14)))
RUNS = (*WAITS, 30 * DAY)
EFFICIENCIES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1)


def le(bound: float) -> str:
    """As a page writes it."""
    if bound == float("inf"):
        return "+Inf"
    return f"{bound:g}" if bound >= 1e6 else str(float(bound))


def cumulative(rows: Iterable[Row], by: Sequence[str], bounds: Sequence[float], value: Callable[[Row], float | None]) -> Totals:
    """How many rows have at most each bound; the bound is the last part of the key, as the page has it."""
    counts: Totals = {}
    for row in rows:
        if (observed := value(row)) is None:
            continue
        for bound in (*bounds, float("inf")):
            key = (*(getattr(row, label) for label in by), le(bound))
            counts[key] = counts.get(key, 0) + (observed <= bound)
    return counts


def wait(row: Row, at: int | None = None) -> int | None:
    """From eligible to start. A row that goes on after a resize is eligible after it started, and does not wait."""
    if row.start is None or row.eligible is None or row.eligible > row.start or (at is not None and row.start > at):
        return None
    return row.start - row.eligible


def run(row: Row, at: int | None = None) -> int | None:
    """From start to end; that of a resized job is told by its last row."""
    if row.start is None or row.end is None or row.state == "resizing" or (at is not None and row.end > at):
        return None
    return row.elapsed


def share(row: Row, at: int | None = None) -> float | None:
    ran = run(row, at)
    return None if ran is None or not row.timelimit else ran / (row.timelimit * MINUTE)


def present(rows: Iterable[Row], by: Sequence[str]) -> Totals:
    """Jobs that wait, run or are suspended; an array's waiting tasks one by one."""
    return total((row for row in rows if row.state in OPEN_STATES), by, lambda row: row.tasks)


def present_tres(rows: Iterable[Row], by: Sequence[str]) -> Totals:
    """What they hold, or ask for. sacct cannot tell what an array's tasks ask for together: ReqTRES is of one."""

    def held(row: Row) -> dict[str, int]:
        if row.state == "pending":
            return {name: count * row.tasks for name, count in row.requested.items()}
        return row.allocated

    return total_tres((row for row in rows if row.state in OPEN_STATES), by, held)


def from_tables(connection: pymysql.Connection, clusters: Iterable[str], at: int) -> Totals:
    """Seconds that each row ran until `at`, from the tables themselves and by our own rule: a check of sacct, and of
    what is said about it above. Rows submitted later are left out."""
    seconds: Totals = {}
    with connection.cursor() as cursor:
        for cluster in clusters:
            cursor.execute(f"select job_db_inx, time_start, time_end from `{cluster}_suspend_table`")
            suspensions = cursor.fetchall()
            cursor.execute(
                "select job_db_inx, id_job, time_submit, time_start, time_end, tres_alloc"
                f" from `{cluster}_job_table` where time_submit <= %s",
                (at,),
            )
            for inx, job, submit, start, end, allocated in cursor.fetchall():
                last = min(end or at, at)
                ran = max(0, last - start) if allocated else 0
                for row, since, until in suspensions:
                    if row == inx and since < last:
                        ran -= min(until or last, last) - since
                seconds[cluster, str(job), str(submit)] = ran
    return seconds


@dataclasses.dataclass(frozen=True)
class Use:
    """What one row of `sacct -D` that has ended used of what it had."""

    cluster: str
    account: str
    partition: str
    cpu: float  # seconds, TotalCPU
    available: int  # CPU-seconds
    peak: int  # bytes: of the step with the largest task, times its tasks
    requested: int  # bytes; sacct cannot: by CPU times CPUs allocated, of which an exclusive job has more than it asked for
    unmeasured: str | None  # why nothing can be said of it; sacct cannot
    text: str


USE_FIELDS = (
    "Cluster", "JobIDRaw", "Account", "Partition", "State", "Submit", "Start", "End", "ElapsedRaw", "CPUTimeRAW",
    "TotalCPU", "MaxRSS", "NTasks", "ReqMem", "AllocTRES", "TRESUsageInTot",
)  # fmt: skip


def use(slurm: PrivateSlurm, jobs: Iterable[int] | None = None) -> list[Use]:
    """What seff is made from: rows that held something and have ended, each followed by its steps."""
    if jobs is None:
        jobs = range(1, max(cluster.highest_job_id() for cluster in slurm.clusters.values()) + 1)
    groups: list[list[dict[str, str]]] = []
    for line in slurm.sacct("-D", "--noconvert", "-j", ",".join(map(str, jobs)), fields=USE_FIELDS):
        if "." in line["JobIDRaw"]:
            groups[-1].append(line)
        else:
            groups.append([line])
    uses = []
    for row, *steps in groups:
        if not row["AllocTRES"] or _instant(row["End"]) is None:
            continue
        peaks = [(_memory(step["MaxRSS"]), int(step["NTasks"] or 1)) for step in steps]
        largest = max(peaks, default=(0, 0), key=lambda peak: peak[0])
        available = int(row["CPUTimeRAW"])
        reasons = {
            "resized": row["State"] == "RESIZING" or int(row["Start"]) < int(row["Submit"]),
            "no_steps": not any(step["TRESUsageInTot"] for step in steps),
            "no_time": not available,
        }
        uses.append(
            Use(
                cluster=row["Cluster"],
                account=row["Account"],
                partition=row["Partition"],
                cpu=_seconds(row["TotalCPU"]),
                available=available,
                peak=largest[0] * largest[1],
                requested=max(_memory(row["ReqMem"], MB), tres(row["AllocTRES"])["mem"]),
                unmeasured=next((reason for reason, applies in reasons.items() if applies), None),
                text="\n".join("|".join(line.values()) for line in (row, *steps)),
            )
        )
    return uses


def _memory(text: str, unit: int = 1) -> int:
    """'500M', '1234K', '1024', '' as bytes."""
    if not text:
        return 0
    number, letter = re.fullmatch(r"([\d.]+)([KMGTP]?)", text).groups()
    return int(float(number) * (1024 ** " KMGTP".index(letter) if letter else unit))


def _seconds(text: str) -> float:
    """'1-02:03:04' or '03:04.567'."""
    days, _, rest = text.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part)
    return total + int(days or 0) * DAY


def queue(clusters: Iterable[Cluster], by: Sequence[str]) -> Totals:
    """What squeue says to present()."""
    names = {"account": "Account", "user": "UserName", "partition": "Partition", "qos": "QOS", "state": "State"}
    sums: Totals = {}
    for cluster in clusters:
        for job in cluster.squeue(fields=tuple(names.values())):
            if job["State"].lower() not in OPEN_STATES:
                continue
            key = tuple(cluster.name if label == "cluster" else job[names[label]] for label in by)
            key = tuple(part.lower() if label == "state" else part for label, part in zip(by, key, strict=True))
            sums[key] = sums.get(key, 0) + 1
    return sums
