"""What the counters of one cluster have to be, worked out in SQL alone from the job table: no code of the exporter.

    with connection.cursor() as cursor:
        counts = recount(cursor, "alpine", epoch, as_of)      # {(metric, label values...): number}
        some = recount(cursor, "alpine", epoch, as_of, [17])  # of these id_job only
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.e2e.judge import RUNS, SHARES, WAITS, le

# The labels after `cluster`, in the order of the keys' values.
LABELS = {
    "slurmdbd_account_tres_seconds_total": ("account", "partition", "qos", "tres"),
    "slurmdbd_user_tres_seconds_total": ("account", "user", "tres"),
    "slurmdbd_account_energy_joules_total": ("account",),
    "slurmdbd_jobs_started_total": ("partition", "account", "qos"),
    "slurmdbd_jobs_ended_total": ("partition", "account", "qos", "state"),
    "slurmdbd_jobs_ended_tres_seconds_total": ("partition", "account", "state", "tres"),
    "slurmdbd_job_wait_seconds_bucket": ("partition", "qos", "le"),
    "slurmdbd_job_wait_seconds_sum": ("partition", "qos"),
    "slurmdbd_job_run_seconds_bucket": ("partition", "qos", "le"),
    "slurmdbd_job_run_seconds_sum": ("partition", "qos"),
    "slurmdbd_job_timelimit_used_ratio_bucket": ("partition", "qos", "le"),
}
STATES = ("pending running suspended completed cancelled failed timeout node_fail preempted boot_fail deadline out_of_memory").split()
FLAGS = {1024: "requeued", 8192: "resizing", 524288: "revoked"}
MEBIBYTE = 1 << 20

Key = tuple[str, ...]
Counts = dict[Key, int]

# One row a job row: who, and the seconds it ran between the epoch and as-of, pauses taken off.
_ROWS = """
select if(a.acct is null, j.account, a.acct) as account, j.`partition`, ifnull(q.name, '') as qos, concat(',', j.tres_alloc) as tres,
  if(ifnull(a.user, '') = '', j.id_user, a.user) as user, j.state, j.time_start,
  if(j.time_end = 0 or j.time_end > {last}, 0, j.time_end) as ended,
  j.time_eligible, j.timelimit, cast(j.time_end as signed) - cast(j.time_start as signed)
    - ifnull((select sum(s.time_end - s.time_start) from `{cluster}_suspend_table` s where s.job_db_inx = j.job_db_inx), 0) as ran_seconds,
  j.state <> 0 and j.time_start > 0 and (j.time_end = 0 or j.tres_alloc <> '') as ran,
  greatest(0, cast(least(if(j.time_end = 0, {as_of}, j.time_end), {as_of}) as signed) - cast(greatest(j.time_start, {epoch}) as signed)
    - ifnull((select sum(greatest(0,
        cast(least(if(s.time_end = 0, {as_of}, s.time_end), if(j.time_end = 0, {as_of}, j.time_end), {as_of}) as signed)
        - cast(greatest(s.time_start, j.time_start, {epoch}) as signed)))
      from `{cluster}_suspend_table` s where s.job_db_inx = j.job_db_inx), 0)) as seconds
from `{cluster}_job_table` j left join `{cluster}_assoc_table` a on a.id_assoc = j.id_assoc left join qos_table q on q.id = j.id_qos
where (j.time_end = 0 or j.time_end >= {epoch}) and {where}
"""
# The first mention of a TRES counts; a count near 2^64 says that there is none.
_COUNT = "cast(substr(regexp_substr(r.tres, concat(',', t.id, '=[0-9]+')), length(t.id) + 3) as decimal(30))"
_CONSUMED = """
select r.account, r.`partition`, r.qos, r.user, if(t.name = '', t.type, concat(t.type, '/', t.name)) as tres, t.type, sum({count} * r.seconds)
from ({rows}) r join tres_table t on t.deleted = 0 and t.type <> 'energy' and r.tres regexp concat(',', t.id, '=')
where r.ran and r.seconds > 0 and {count} < 18446744073709551613 group by 1, 2, 3, 4, 5, 6
"""
_LOST = """
select r.`partition`, r.account, r.state, if(t.name = '', t.type, concat(t.type, '/', t.name)) as tres, t.type, sum({count} * r.seconds)
from ({rows}) r join tres_table t on t.deleted = 0 and t.type <> 'energy' and r.tres regexp concat(',', t.id, '=')
where r.ran and r.ended > 0 and r.seconds > 0 and {count} < 18446744073709551613 group by 1, 2, 3, 4, 5
"""
_ENERGY = """
select r.account, sum(if(r.ended > 0 and r.tres regexp ',3=' and {count} < 18446744073709551613, {count}, 0))
from ({rows}) r group by 1
"""
_STARTED = """
select r.`partition`, r.account, r.qos, sum(r.ran and r.time_start >= {epoch} and r.time_start <= {last}) from ({rows}) r group by 1, 2, 3
"""
_OBSERVED = """
select r.`partition`, r.qos,
  if(r.time_start between {epoch} and {last} and r.time_eligible > 0 and r.time_eligible <= r.time_start, r.time_start - r.time_eligible, null),
  if(r.ended > 0 and r.state <> 8192, greatest(0, r.ran_seconds), null), if(r.timelimit in (0, 4294967294, 4294967295), null, r.timelimit * 60)
from ({rows}) r where r.ran
"""
_ENDED = "select r.`partition`, r.account, r.qos, r.state, count(*) from ({rows}) r where r.ended > 0 group by 1, 2, 3, 4"


def recount(cursor: Any, cluster: str, epoch: int, as_of: int, jobs: Sequence[int] | None = None, *, whole: bool = False) -> Counts:
    """All counters of a cluster that are not 0. Reads several times: call it in a transaction with one view. `whole`: as_of ends the
    period; what starts or ends just then is of the next."""
    last = as_of - whole
    if jobs is not None and not jobs:
        return {}
    where = "true" if jobs is None else f"j.id_job in ({', '.join(map(str, jobs))})"
    rows = _ROWS.format(cluster=cluster, epoch=epoch, as_of=as_of, last=last, where=where)
    counts: Counts = {}

    def add(metric: str, values: Iterable[Any], amount: Any) -> None:
        if amount:
            key = (metric, cluster, *map(str, values))
            counts[key] = counts.get(key, 0) + int(amount)

    cursor.execute(_CONSUMED.format(rows=rows, count=_COUNT))
    for account, partition, qos, user, tres, kind, amount in cursor.fetchall():
        amount = int(amount) * (MEBIBYTE if kind in ("mem", "bb") else 1)
        add("slurmdbd_account_tres_seconds_total", (account, partition, qos, tres), amount)
        add("slurmdbd_user_tres_seconds_total", (account, user, tres), amount)
    cursor.execute(_LOST.format(rows=rows, count=_COUNT))
    for partition, account, state, tres, kind, amount in cursor.fetchall():
        amount = int(amount) * (MEBIBYTE if kind in ("mem", "bb") else 1)
        add("slurmdbd_jobs_ended_tres_seconds_total", (partition, account, FLAGS.get(state) or STATES[state], tres), amount)
    cursor.execute(_ENERGY.format(rows=rows, count=_COUNT.replace("t.id", "'3'")))
    for account, amount in cursor.fetchall():
        add("slurmdbd_account_energy_joules_total", (account,), amount)
    cursor.execute(_STARTED.format(rows=rows, epoch=epoch, last=last))
    for *values, amount in cursor.fetchall():
        add("slurmdbd_jobs_started_total", values, amount)
    cursor.execute(_ENDED.format(rows=rows))
    for partition, account, qos, state, amount in cursor.fetchall():
        name = FLAGS.get(state) or STATES[state]
        add("slurmdbd_jobs_ended_total", (partition, account, qos, name), amount)
    cursor.execute(_OBSERVED.format(rows=rows, epoch=epoch, last=last))
    for partition, qos, waited, ran, limit in cursor.fetchall():
        share = None if ran is None or limit is None else float(ran) / float(limit)
        for metric, bounds, value in (("wait_seconds", WAITS, waited), ("run_seconds", RUNS, ran), ("timelimit_used_ratio", SHARES, share)):
            for bound in (*bounds, float("inf")):
                if value is not None and value <= bound:
                    add(f"slurmdbd_job_{metric}_bucket", (partition, qos, le(bound)), 1)
            if metric != "timelimit_used_ratio":
                add(f"slurmdbd_job_{metric}_sum", (partition, qos), value or 0)
    return counts
