"""Whoever advises users: what is allocated and not used, by whom, and who could ask for less?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import GREEN, ORANGE, RED, Column, Json, bargauge, board, query, stat, steps, table, timeseries
from dashboards.sources.metrics import Scope, hours, total

S = Scope("cluster", "account")
CPU, MEMORY = "slurmdbd_account_cpu_{}_seconds_total", "slurmdbd_account_memory_{}_byte_seconds_total"
GIBIBYTE = 2**30
USED_SHARE = steps((0.3, ORANGE), (0.6, GREEN), base=RED)


def amount(metric: str, what: str, by: str) -> str:
    """Of jobs that ended in the time range."""
    return total(by, S.increase(metric.format(what), "$__range"))


def used_share(metric: str, by: str = "") -> str:
    used, idle = (amount(metric, what, by) for what in ("used", "idle"))
    return f"{used} / (({used} + {idle}) > 0)"


def gibibyte_hours(expression: str) -> str:
    return f"{hours(expression)} / {GIBIBYTE}"


def quantile(share: float, kind: str, by: str, window: str, function: str) -> str:
    """Of the efficiency of jobs: `share` of them have no more than this."""
    labels = 'cluster=~"$cluster",partition=~"$partition",account=~"$account"'
    own = f"slurmdbd_job_{kind}_bucket{{{labels}}}[{window}]"
    by = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({by}) (max by (cluster, partition, account, le) ({function}({own}))))"


def glance() -> list[Json]:
    unmeasured = amount("slurmdbd_jobs_unmeasured_total", "", "")
    own = 'slurmdbd_job_cpu_efficiency_ratio_bucket{cluster=~"$cluster",account=~"$account",le="+Inf"}'
    jobs = f"sum(max by (cluster, partition, account) (increase({own}[$__range])))"
    return [
        stat(
            "CPU time used",
            "Of what was allocated to the jobs that ended in the time range. The rest was kept from others and did nothing.",
            query(used_share(CPU), instant=True),
            "percentunit",
            decimals=0,
            thresholds=USED_SHARE,
        ),
        stat(
            "Memory used",
            "Of what was allocated to these jobs, as if each had needed its peak all the time. The rest could have been asked for less.",
            query(used_share(MEMORY), instant=True),
            "percentunit",
            decimals=0,
            thresholds=USED_SHARE,
        ),
        stat(
            "Idle core-hours",
            "Allocated to the jobs that ended in the time range, and not used.",
            query(hours(amount(CPU, "idle", "")), instant=True),
            "short",
            decimals=1,
        ),
        stat(
            "CPU, typical job",
            "Half of the jobs used no more of their CPU time. Far below what is used on the whole: many small jobs waste theirs.",
            query(quantile(0.5, "cpu_efficiency_ratio", "", "$__range", "increase"), instant=True),
            "percentunit",
            decimals=0,
            thresholds=USED_SHARE,
        ),
        stat(
            "Memory, typical job",
            "Half of the jobs used no more of the memory they had, at their peak.",
            query(quantile(0.5, "memory_efficiency_ratio", "", "$__range", "increase"), instant=True),
            "percentunit",
            decimals=0,
            thresholds=USED_SHARE,
        ),
        stat(
            "Not measured",
            "Of the jobs that ran and ended: no record of a step, or no time to measure. A high share: look at JobAcctGatherType.",
            query(f"{unmeasured} / (({unmeasured} + {jobs}) > 0)", instant=True),
            "percentunit",
            decimals=1,
            thresholds=steps((0.2, ORANGE), (0.5, RED)),
        ),
    ]


def distribution(kind: str, title: str, description: str) -> Json:
    lines = [
        query(quantile(share, kind, "", "$__rate_interval", "rate"), name)
        for share, name in ((0.9, "9 in 10 no more"), (0.5, "half no more"), (0.1, "1 in 10 no more"))
    ]
    return timeseries(title, description, lines, "percentunit", empty="No job in this time")


def by_partition(kind: str, title: str, description: str) -> Json:
    ask = query(f"sort({quantile(0.5, kind, 'partition', '$__range', 'increase')})", "{{partition}}", instant=True)
    return bargauge(title, description, ask, "percentunit", maximum=1, decimals=0, thresholds=USED_SHARE, empty="No job in this time")


def dashboard() -> Json:
    idle = amount(CPU, "idle", "cluster, account")
    return board(
        common.EFFICIENCY,
        "Slurm accounting: efficiency and waste",
        "What is allocated and not used, by whom, and who could ask for less?",
        common.variables(common.partition_variable(), common.account_variable()),
        [
            glance(),
            [
                table(
                    "Who could ask for less",
                    "Jobs that ended in the time range, by account; most idle core-hours first. Used: of what was allocated, memory at each job's peak. "
                    "Typical job: half of the account's jobs used no more, in the partitions chosen. "
                    "Low CPU and many idle core-hours: fewer cores a job, or a program that is not parallel. Low memory: a smaller --mem.",
                    [
                        query(f"topk(25, {hours(idle)} > 0)", table=True),
                        query(used_share(CPU, "cluster, account"), table=True),
                        query(gibibyte_hours(amount(MEMORY, "idle", "cluster, account")), table=True),
                        query(used_share(MEMORY, "cluster, account"), table=True),
                        query(quantile(0.5, "cpu_efficiency_ratio", "cluster, account", "$__range", "increase"), table=True),
                        query(quantile(0.5, "memory_efficiency_ratio", "cluster, account", "$__range", "increase"), table=True),
                    ],
                    [
                        Column("cluster", "Cluster"),
                        Column("account", "Account", links=common.to_account()),
                        Column("A", "Idle core-hours", "short", decimals=1),
                        Column("B", "CPU used", "percentunit", gauge=True, decimals=0, thresholds=USED_SHARE),
                        Column("E", "CPU, typical job", "percentunit", decimals=0),
                        Column("C", "Idle GiB-hours", "short", decimals=1),
                        Column("D", "Memory used", "percentunit", gauge=True, decimals=0, thresholds=USED_SHARE),
                        Column("F", "Memory, typical job", "percentunit", decimals=0),
                    ],
                    sort="Idle core-hours",
                    empty="No job in this time",
                    height=10,
                )
            ],
            [
                timeseries(
                    "Idle cores, by account",
                    "Average number of cores that were allocated and did nothing, counted when a job ends: a long job shows as a peak at its end.",
                    query(f"{total('account', S.rate(CPU.format('idle')))} > 0", "{{account}}"),
                    "short",
                    stacked=True,
                    empty="No job in this time",
                ),
                timeseries(
                    "Idle memory, by account",
                    "Memory that was allocated beyond the peaks of jobs, on average, counted when a job ends.",
                    query(f"{total('account', S.rate(MEMORY.format('idle')))} > 0", "{{account}}"),
                    "bytes",
                    stacked=True,
                    empty="No job in this time",
                ),
            ],
            [
                distribution(
                    "cpu_efficiency_ratio",
                    "CPU time used by jobs",
                    "Of the jobs that ended: the share of their CPU time that one in ten, half and nine in ten of them did not exceed. Wide apart: some jobs "
                    "use all and some next to nothing.",
                ),
                distribution(
                    "memory_efficiency_ratio",
                    "Memory used by jobs",
                    "The same of their memory, at their peak. Nine in ten far below 1: the default of the partition, or what users copy, is too much.",
                ),
            ],
            [
                by_partition("cpu_efficiency_ratio", "CPU of a typical job, by partition", "Half of the partition's jobs used no more of their CPU time."),
                by_partition("memory_efficiency_ratio", "Memory of a typical job, by partition", "Half of the partition's jobs used no more of their memory."),
                by_partition(
                    "gpu_utilization_ratio",
                    "GPUs of a typical job, by partition",
                    "Half of the partition's jobs kept their GPUs no busier. Needs gres/gpuutil in AccountingStorageTRES.",
                ),
            ],
        ],
        annotations=common.annotations(),
    )
