"""Auditor: can the numbers be trusted, are they complete, and what was changed afterwards?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import GREEN, ORANGE, RED, Column, Json, board, colored_text, query, stat, steps, table, timeseries, words
from dashboards.sources.metrics import Scope, hours, total

S = Scope("cluster")
LAST = S.gauge("slurmdbd_rollup_last_hour_timestamp_seconds")
LATE = steps((7200, ORANGE), (10800, RED))


def glance() -> list[Json]:
    return [
        stat(
            "Roll-ups behind",
            "The cluster whose hourly roll-up is furthest behind. Up to 1 h is normal. More than 3 h: check that slurmdbd runs, and its log.",
            query(f"max(time() - {LAST})", instant=True),
            "s",
            decimals=0,
            thresholds=LATE,
            filled=True,
        ),
        stat(
            "Time zone",
            "Whether days in the usage tables begin at midnight of the exporter's time zone. If not, every number by period is wrong: "
            "set --timezone to slurmdbd's.",
            query(f"min({S.gauge('slurmdbd_usage_timezone_agrees')})", instant=True),
            "none",
            mappings=words(v0=("Differs", RED), v1=("Agrees", GREEN)),
            empty="no day yet",
            filled=True,
        ),
        stat(
            "Corrected, 24 h",
            "Core-hours by which consumption was corrected downwards in the last 24 hours: end records that came late, or rows that were removed.",
            query(hours(f"sum({S.increase('slurmdbd_corrections_tres_seconds_total', '24h', tres='cpu')})"), instant=True),
            "short",
            decimals=1,
            thresholds=steps((100, ORANGE)),
            filled=True,
            empty="none",
        ),
        stat(
            "Clusters read",
            "Clusters whose tables the last poll could read, of those in the database.",
            query(f"sum({S.gauge('slurmdbd_exporter_cluster_success')}) / count({S.gauge('slurmdbd_exporter_cluster_success')})", instant=True),
            "percentunit",
            decimals=0,
            thresholds=steps((1, GREEN), base=RED),
            filled=True,
        ),
        stat(
            "Columns missing",
            "Columns of the database that are not there or not granted; metrics that need them are left out. The exporter's log names them.",
            query("max(slurmdbd_exporter_missing_columns)", instant=True),
            "none",
            thresholds=steps((1, ORANGE)),
            filled=True,
        ),
        stat(
            "Series left out",
            "Series that were dropped in the last 24 hours, over a limit or not printable: sums by account or user are then incomplete.",
            query("sum(max by (collector, reason) (increase(slurmdbd_exporter_collector_series_dropped_total[24h])))", instant=True),
            "none",
            decimals=0,
            thresholds=steps((1, RED)),
            filled=True,
        ),
    ]


def clusters() -> Json:
    return table(
        "By cluster",
        "How far each cluster's official usage reaches. From there on usage is counted from jobs, until slurmdbd has rolled it up.",
        [
            query(f"1000 * {LAST}", table=True),
            query(f"time() - {LAST}", table=True),
            query(S.gauge("slurmdbd_usage_timezone_agrees"), table=True),
            query(f"1000 * {S.gauge('slurmdbd_oldest_job_timestamp_seconds')}", table=True),
            query(S.gauge("slurmdbd_quota_usage_exact"), table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("A", "Rolled up until", "dateTimeAsIso"),
            Column("B", "Behind", "s", decimals=0, thresholds=LATE, custom__cellOptions=colored_text()),
            Column("C", "Time zone", mappings=words(v0=("differs", RED), v1=("agrees", GREEN)), custom__cellOptions=colored_text()),
            Column("D", "Jobs go back to", "dateTimeAsIso"),
            Column("E", "Quotas counted", mappings=words(v0=("estimate", ORANGE), v1=("exactly", GREEN)), custom__cellOptions=colored_text()),
        ],
        height=5,
    )


def over_time() -> list[Json]:
    live = S.gauge("slurmdbd_account_usage_tres_seconds", account="root", tres="cpu", period="day")
    rolled_up = S.gauge("slurmdbd_account_usage_rolled_up_tres_seconds", account="root", tres="cpu", period="day")
    return [
        timeseries(
            "How far roll-ups are behind",
            "A saw tooth of one hour is healthy. A rising line: slurmdbd is down, or its roll-up fails or takes too long.",
            query(f"time() - {LAST}", "{{cluster}}"),
            "s",
            thresholds=LATE,
        ),
        timeseries(
            "Today's core-hours not yet rolled up",
            "Usage since the last roll-up, counted from jobs. Normally one hour's work.",
            query(hours(f"({live} - {rolled_up})"), "{{cluster}}"),
            "short",
            decimals=1,
        ),
    ]


def corrections() -> list[Json]:
    return [
        timeseries(
            "Corrections",
            "Core-hours per hour by which consumption was corrected downwards. A peak: find out who changed or removed jobs (sacctmgr show runaway, "
            "archive, purge).",
            query(total("cluster", S.rate("slurmdbd_corrections_tres_seconds_total", tres="cpu")), "{{cluster}}"),
            "short",
            bars=True,
            empty="No corrections",
        ),
        table(
            "Roll-up and reading alerts that fire",
            "From the rules shipped with the exporter; docs/runbooks.md says what to do.",
            query(
                'max by (alertname, severity, cluster) (ALERTS{alertstate="firing",alertname=~"Slurmdbd(Rollup|Cluster|Data|Series|Columns).*"})',
                table=True,
            ),
            [Column("alertname", "Alert"), Column("severity", "Severity"), Column("cluster", "Cluster")],
            empty="No alert fires",
            width=12,
        ),
    ]


def storage() -> list[Json]:
    size = S.gauge("slurmdbd_table_bytes")
    return [
        table(
            "The largest tables",
            "Rows and size as the server estimates them, rows by as much as half. Large and growing: let slurmdbd purge or archive "
            "(PurgeJobAfter and the like).",
            [
                query(f"topk(10, {size})", table=True),
                query(f"{S.gauge('slurmdbd_table_rows')} and topk(10, {size})", table=True),
            ],
            [
                Column("cluster", "Cluster"),
                Column("table", "Table", custom__width=210),
                Column("A", "Size", "bytes", decimals=1),
                Column("B", "Rows", "short"),
            ],
            sort="Size",
            width=12,
        ),
        timeseries(
            "Size of the database",
            "All tables that grow, with their indexes.",
            query(total("cluster", size), "{{cluster}}"),
            "bytes",
            stacked=True,
        ),
    ]


def dashboard() -> Json:
    return board(
        common.AUDIT,
        "Slurm accounting: audit",
        "Can the numbers be trusted, are they complete, and what was changed afterwards?",
        common.variables(),
        [glance(), [clusters()], over_time(), corrections(), storage()],
        annotations=common.annotations(),
        since="now-7d",
    )
