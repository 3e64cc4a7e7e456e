"""Operator: is accounting healthy, what runs and waits, how full is each cluster, what changed today?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import GREEN, ORANGE, RED, Column, Json, board, colored_text, link, query, stat, steps, table, timeseries, words
from dashboards.sources.metrics import Scope, alerts, hours, lowest, total

S = Scope("cluster")
RUNNING_CORES = total("cluster", S.gauge("slurmdbd_jobs_tres", state="running", tres="cpu"))
CORES = S.gauge("slurmdbd_cluster_tres", tres="cpu")
RUNNING_GPUS = total("cluster", S.gauge("slurmdbd_jobs_tres", state="running", tres="gres/gpu"))
GPUS = S.gauge("slurmdbd_cluster_tres", tres="gres/gpu")
WAIT = f"time() - {lowest('cluster', S.gauge('slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds'))}"
BUSY_CORES = f"({RUNNING_CORES} or 0 * {CORES}) / {CORES}"
BUSY_GPUS = f"({RUNNING_GPUS} or 0 * {GPUS}) / {GPUS}"
FULL = steps((0.5, GREEN), (0.98, ORANGE), base="blue")


def ended(window: str, state: str | None = None) -> str:
    """Jobs that ended. Rows that another one continues are not ends of jobs."""
    return total("cluster", S.increase("slurmdbd_jobs_ended_total", window, state=state or "!~requeued|resizing"))


def used(tres: str, period: str) -> str:
    """Whole clusters in TRES-hours: the root account's usage."""
    return hours(S.gauge("slurmdbd_account_usage_tres_seconds", account="root", tres=tres, period=period))


def health() -> list[Json]:
    exporter = [link("The exporter", common.EXPORTER)]
    audit = [link("Accounting audit", common.AUDIT, "${cluster:queryparam}")]
    late = S.gauge("slurmdbd_rollup_last_hour_timestamp_seconds")
    return [
        stat(
            "Database",
            "Whether the last poll reached the accounting database. Down: numbers here are old. See the exporter's dashboard for errors.",
            query("min(slurmdbd_up)", instant=True),
            "none",
            mappings=words(v0=("Down", RED), v1=("Answers", GREEN)),
            filled=True,
            links=exporter,
        ),
        stat(
            "Collectors failing",
            "Parts of the exporter whose last poll failed. Not 0: the exporter's dashboard says which, its log says why.",
            query("sum(1 - min by (collector) (slurmdbd_scrape_collector_success))", instant=True),
            "none",
            thresholds=steps((1, RED)),
            filled=True,
            links=exporter,
        ),
        stat(
            "Age of data",
            "How long ago the collector that is furthest behind last read the database. Minutes are normal; beyond that, look for errors.",
            query("time() - min(max by (collector) (slurmdbd_exporter_collector_last_success_timestamp_seconds))", instant=True),
            "s",
            thresholds=steps((900, ORANGE), (1800, RED)),
            decimals=0,
            filled=True,
            links=exporter,
        ),
        stat(
            "Roll-ups behind",
            "How far slurmdbd's hourly roll-up is behind, on the worst cluster. Up to 1 h is normal. More than 3 h: check slurmdbd's log.",
            query(f"max(time() - {late})", instant=True),
            "s",
            thresholds=steps((7200, ORANGE), (10800, RED)),
            decimals=0,
            filled=True,
            links=audit,
        ),
        stat(
            "Nodes away",
            "Nodes that are down or drained. The capacity dashboard names them, since when and why.",
            query(f"sum({S.gauge('slurmdbd_nodes_unavailable')})", instant=True),
            "none",
            thresholds=steps((1, ORANGE)),
            filled=True,
            empty="not known",
            links=[link("Capacity", common.CAPACITY, "${cluster:queryparam}")],
        ),
        stat(
            "Critical alerts",
            "Alerts of the rules shipped with the exporter that fire now and want action at once; the table below lists them, with the others. "
            "Always 0 if Prometheus does not load the rules.",
            query(f'count({alerts(severity="critical", cluster="|$cluster")}) or vector(0)', instant=True),
            "none",
            thresholds=steps((1, RED)),
            filled=True,
        ),
    ]


def now() -> Json:
    return table(
        "Now",
        "Each cluster at this moment. Busy: what running jobs hold, of what is registered. Longest wait: the eligible job that waits longest. "
        "Controller away: slurmctld is not registered with slurmdbd, so no job of this cluster is accounted.",
        [
            query(total("cluster", S.gauge("slurmdbd_jobs", state="running")), table=True),
            query(BUSY_CORES, table=True),
            query(BUSY_GPUS, table=True),
            query(total("cluster", S.gauge("slurmdbd_jobs", state="pending")), table=True),
            query(WAIT, table=True),
            query(total("cluster", S.gauge("slurmdbd_nodes_unavailable")), table=True),
            query(S.gauge("slurmdbd_cluster_registered"), table=True),
        ],
        [
            Column("cluster", "Cluster", links=common.to_cluster(common.OUTCOMES, "Waits and outcomes")),
            Column("G", "Controller", mappings=words(v0=("away", RED), v1=("registered", GREEN)), custom__cellOptions=colored_text()),
            Column("A", "Running jobs", "short"),
            Column("B", "Cores busy", "percentunit", gauge=True, decimals=0, thresholds=FULL),
            Column("C", "GPUs busy", "percentunit", gauge=True, decimals=0, thresholds=FULL),
            Column("D", "Waiting jobs", "short"),
            Column("E", "Longest wait", "s", decimals=1),
            Column("F", "Nodes away", "none", thresholds=steps((1, ORANGE), base="text"), custom__cellOptions=colored_text()),
        ],
        height=5,
    )


def today() -> Json:
    share = f"{ended('24h', common.FAILED)} / {ended('24h')}"
    return table(
        "Today",
        "Jobs of the last 24 hours, and hours used since midnight against yesterday's whole day. Failed: failed, timed out, out of memory, "
        "or hit by a node, of those that ended. Far from the usual: look at the partition and account in Waits and outcomes.",
        [
            query(total("cluster", S.increase("slurmdbd_jobs_started_total", "24h")), table=True),
            query(ended("24h"), table=True),
            query(share, table=True),
            query(used("cpu", "day"), table=True),
            query(used("cpu", "last_day"), table=True),
            query(used("gres/gpu", "day"), table=True),
            query(used("gres/gpu", "last_day"), table=True),
        ],
        [
            Column("cluster", "Cluster", links=common.to_cluster(common.OUTCOMES, "Waits and outcomes")),
            Column("A", "Started, 24 h", "short", decimals=0),
            Column("B", "Ended, 24 h", "short", decimals=0),
            common.share_column("C", "Failed, 24 h", *common.FAILED_SHARES, decimals=1),
            Column("D", "Core-hours today", "short", decimals=1),
            Column("E", "Yesterday", "short", decimals=1),
            Column("F", "GPU-hours today", "short", decimals=1),
            Column("G", "Yesterday ", "short", decimals=1),
        ],
        height=5,
    )


def dashboard() -> Json:
    firing = f'max by (alertname, severity, cluster, account, user, tres) ({alerts(cluster="|$cluster")})'
    return board(
        common.OVERVIEW,
        "Slurm accounting: overview",
        "Is accounting healthy, what runs and waits, how full is each cluster, what changed today?",
        common.variables(),
        [
            health(),
            [now()],
            [today()],
            [
                timeseries(
                    "Cores busy",
                    "What running jobs hold, of what the cluster has registered. Low while jobs wait: look for drained nodes and limits.",
                    query(BUSY_CORES, "{{cluster}}"),
                    "percentunit",
                    maximum=1,
                ),
                timeseries(
                    "Waiting jobs",
                    "Pending jobs; a pending array counts every task that still waits.",
                    query(total("cluster", S.gauge("slurmdbd_jobs", state="pending")), "{{cluster}}"),
                    "short",
                ),
            ],
            [
                timeseries(
                    "Jobs ended, by final state",
                    "Jobs that ended per hour. A wave of red or orange: find its account and partition in Waits and outcomes.",
                    query(f"3600 * {total('state', S.rate('slurmdbd_jobs_ended_total', state='!~requeued|resizing'))}", "{{state}}"),
                    "short",
                    stacked=True,
                    overrides=common.state_colors(),
                ),
                table(
                    "Alerts that fire",
                    "From the rules shipped with the exporter. docs/runbooks.md says what each one means and what to do.",
                    query(firing, table=True),
                    [
                        Column("severity", "Severity", custom__width=90, mappings=common.SEVERITIES, custom__cellOptions=colored_text()),
                        Column("alertname", "Alert", custom__width=240),
                        Column("cluster", "Cluster"),
                        Column("account", "Account", links=common.to_account()),
                        Column("tres", "Resource"),
                    ],
                    sort="Severity",
                    descending=False,
                    empty="No alert fires",
                    width=12,
                ),
            ],
        ],
        annotations=common.annotations(),
    )
