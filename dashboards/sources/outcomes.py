"""Whoever tunes the scheduler: who waits for how long, how do jobs end, and where does it go wrong?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import Column, Json, bargauge, board, query, stat, steps, table, timeseries
from dashboards.sources.metrics import Scope, hours, lowest, total

S = Scope("cluster", "partition", "account")
P = Scope("cluster", "partition")
ENDS = "!~requeued|resizing"
FAILED_SHARE = steps(*common.FAILED_SHARES)


def ended(by: str, state: str = ENDS) -> str:
    return total(by, S.increase("slurmdbd_jobs_ended_total", "$__range", state=state))


def failed_share(by: str) -> str:
    return f"{ended(by, common.FAILED)} / ({ended(by)} > 0)"


def glance() -> list[Json]:
    oldest = P.gauge("slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds")
    return [
        stat("Waiting jobs", "Pending now; each task of an array.", query(total("", S.gauge("slurmdbd_jobs", state="pending"))), "short"),
        stat(
            "Longest wait",
            "Of the eligible job that waits longest now. Far beyond the usual: a job that can never start, or a partition without nodes.",
            query(f"time() - min({oldest})", instant=True),
            "s",
            decimals=1,
            empty="nobody waits",
        ),
        stat("Started", "In the time range.", query(f"sum({S.increase('slurmdbd_jobs_started_total', '$__range')})", instant=True), "short", decimals=0),
        stat("Ended", "In the time range, whatever the final state.", query(ended(""), instant=True), "short", decimals=0),
        stat(
            "Failed",
            "Failed, timed out, out of memory or hit by a node, of the jobs that ended in the time range.",
            query(failed_share(""), instant=True),
            "percentunit",
            decimals=1,
            thresholds=FAILED_SHARE,
        ),
        stat(
            "Cancelled",
            "By users or operators, of the jobs that ended in the time range.",
            query(f"{ended('', 'cancelled')} / ({ended('')} > 0)", instant=True),
            "percentunit",
            decimals=1,
        ),
    ]


def quantile(share: float, metric: str, by: str, window: str, function: str) -> str:
    """Of a histogram: `share` of the jobs have no more than this."""
    own = f'{metric}_bucket{{cluster=~"$cluster",partition=~"$partition"}}[{window}]'
    return f"histogram_quantile({share}, sum by ({by}, le) (max by (cluster, partition, qos, le) ({function}({own}))))"


def distribution(metric: str, share: float, title: str, description: str, unit: str) -> Json:
    lines = query(quantile(share, metric, "partition", "$__rate_interval", "rate"), "{{partition}}")
    return timeseries(title, description, lines, unit, empty="No job in this time", width=8)


def distributions() -> list[Json]:
    return [
        distribution(
            "slurmdbd_job_wait_seconds",
            0.9,
            "Wait of nine in ten",
            "Nine in ten jobs that started had waited no longer than this, from when they were eligible. More than users bear: look at the "
            "partition's size, its limits and priorities.",
            "s",
        ),
        distribution(
            "slurmdbd_job_run_seconds",
            0.5,
            "Run time of half",
            "Half of the jobs that ended had run no longer than this. Minutes only: suggest arrays or packing.",
            "s",
        ),
        distribution(
            "slurmdbd_job_timelimit_used_ratio",
            0.5,
            "Time limit used by half",
            "Half of the jobs used no more of their time limit. Low: users ask for far more time than they need, and backfill cannot plan.",
            "percentunit",
        ),
    ]


def lost() -> list[Json]:
    core_hours = S.rate("slurmdbd_jobs_ended_tres_seconds_total", tres="cpu", state=common.FAILED)
    by_account = S.increase("slurmdbd_jobs_ended_tres_seconds_total", "$__range", tres="cpu", state=common.FAILED)
    return [
        timeseries(
            "Core-hours of jobs that failed",
            "What failed jobs had used when they ended, per hour, by final state. High timeouts: longer limits or checkpoints are needed.",
            query(total("state", core_hours), "{{state}}"),
            "short",
            stacked=True,
            overrides=common.state_colors(),
            empty="None in this time",
        ),
        bargauge(
            "Where failures cost most",
            "Core-hours of failed jobs in the time range by account: the accounts to talk to first.",
            query(f"topk(8, {hours(total('account', by_account))} > 0)", "{{account}}", instant=True),
            "short",
            decimals=1,
            empty="None in this time",
            width=12,
        ),
    ]


def dashboard() -> Json:
    oldest = lowest("cluster, partition", P.gauge("slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds"))
    pending_cores = total("cluster, partition", S.gauge("slurmdbd_jobs_tres", state="pending", tres="cpu"))
    jobs = {state: total("cluster, partition", S.gauge("slurmdbd_jobs", state=state)) for state in ("running", "pending")}
    worst = f"topk(15, {failed_share('cluster, account')} and {ended('cluster, account')} >= 10)"
    return board(
        common.OUTCOMES,
        "Slurm accounting: waits and outcomes",
        "Who waits and for how long, how do jobs end, and where does it go wrong?",
        common.variables(common.partition_variable(), common.account_variable()),
        [
            glance(),
            [
                table(
                    "By partition",
                    "Now, and how the jobs of the time range waited and ended. Longest wait: of those that wait now. Waited: nine in ten jobs that started "
                    "no longer than this. Cores wanted: what waiting jobs ask for. Click a column to sort by it.",
                    [
                        query(jobs["pending"], table=True),
                        query(f"time() - {oldest}", table=True),
                        query(pending_cores, table=True),
                        query(jobs["running"], table=True),
                        query(ended("cluster, partition"), table=True),
                        query(failed_share("cluster, partition"), table=True),
                        query(quantile(0.9, "slurmdbd_job_wait_seconds", "cluster, partition", "$__range", "increase"), table=True),
                    ],
                    [
                        Column("cluster", "Cluster"),
                        Column("partition", "Partition"),
                        Column("A", "Waiting", "short"),
                        Column("B", "Longest wait", "s", decimals=1),
                        Column("G", "Waited, 9 in 10", "s", decimals=1),
                        Column("C", "Cores wanted", "short"),
                        Column("D", "Running", "short"),
                        Column("E", "Ended", "short", decimals=0),
                        Column("F", "Failed", "percentunit", gauge=True, decimals=1, thresholds=FAILED_SHARE),
                    ],
                    sort="Waiting",
                    height=7,
                )
            ],
            [
                timeseries(
                    "Waiting jobs, by partition",
                    "Pending jobs. A job that waits for several partitions counts under their comma list.",
                    query(total("partition", S.gauge("slurmdbd_jobs", state="pending")), "{{partition}}"),
                    "short",
                    stacked=True,
                ),
                timeseries(
                    "Jobs ended, by final state",
                    "Per hour. A wave of node_fail or boot_fail: look for nodes away on the capacity dashboard.",
                    query(f"3600 * {total('state', S.rate('slurmdbd_jobs_ended_total', state=ENDS))}", "{{state}}"),
                    "short",
                    stacked=True,
                    overrides=common.state_colors(),
                ),
            ],
            distributions(),
            lost(),
            [
                bargauge(
                    "How jobs ended",
                    "Jobs in the time range by final state.",
                    query(f"sort_desc({ended('state')} > 0)", "{{state}}", instant=True),
                    "short",
                    decimals=0,
                    empty="None in this time",
                    width=12,
                ),
                table(
                    "Accounts whose jobs fail most",
                    "Of the accounts with at least 10 jobs that ended in the time range. Above one half: offer help.",
                    [query(worst, table=True), query(f"{ended('cluster, account')} and {worst}", table=True)],
                    [
                        Column("cluster", "Cluster"),
                        Column("account", "Account", links=common.to_account()),
                        Column("A", "Failed", "percentunit", gauge=True, decimals=0, thresholds=FAILED_SHARE),
                        Column("B", "Ended", "short", decimals=0),
                    ],
                    sort="Failed",
                    empty="No account has that many",
                    width=12,
                ),
            ],
        ],
        annotations=common.annotations(),
    )
