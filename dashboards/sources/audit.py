"""Auditor: can the numbers be trusted, are they complete, and what was changed afterwards?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import GREEN, ORANGE, RED, Column, Json, board, colored_text, query, stat, steps, table, timeseries, words
from dashboards.sources.metrics import Scope, alerts, hours, total

S = Scope("cluster")
LAST = S.gauge("slurmdbd_rollup_last_hour_timestamp_seconds")
LATE = steps((7200, ORANGE), (10800, RED))
RUNAWAYS = "slurmdbd_runaway_jobs"
GAP = S.gauge("slurmdbd_usage_gap_seconds")
STRAYS = S.gauge("slurmdbd_jobs_without_association")
CHANGES = "slurmdbd_transactions_total"
# Accounts, users and QOS belong to all clusters, whichever is chosen.
OF_CLUSTER = "=~$cluster|all"
OTHER_THAN_0 = steps((-0.001, "text"), (0.001, RED), base=RED)


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


def suspicions() -> list[Json]:
    return [
        stat(
            "Runaway jobs",
            "Open records that are likely to be of jobs long over, and are still charged; the table below says why. Repair: sacctmgr show runawayjobs.",
            query(f"sum({S.gauge(RUNAWAYS)})", instant=True),
            "none",
            thresholds=steps((1, RED)),
            filled=True,
        ),
        stat(
            "Unexplained, yesterday",
            "The most that the usage of a resource differs from the jobs and reservations it is made from, of all that was used. Not 0: rows were "
            "altered, purged or lost.",
            query(f"max(abs({unexplained_share()}))", instant=True),
            "percentunit",
            decimals=2,
            thresholds=steps((1e-9, RED)),
            filled=True,
            empty="no day yet",
        ),
        stat(
            "Missing usage",
            "Time of this year and the last that a cluster has no usage of: slurmctld was not registered, or hours were lost.",
            query(f"sum({GAP})", instant=True),
            "s",
            decimals=0,
            thresholds=steps((1, ORANGE)),
            filled=True,
        ),
        stat(
            "Uncharged jobs",
            "Job records since the counters' epoch without an association. Not 0: enforce associations (AccountingStorageEnforce).",
            query(f"sum({STRAYS})", instant=True),
            "none",
            thresholds=steps((1, ORANGE)),
            filled=True,
        ),
        stat(
            "Changes, 24 h",
            "Commands of sacctmgr that changed accounting in the last 24 hours. The panels below say what, and by whom.",
            query(f"sum({S.gained(CHANGES, '24h', cluster=OF_CLUSTER)})", instant=True),
            "none",
            decimals=0,
            empty="none",
            filled=True,
        ),
        stat(
            "Clocks apart",
            "How far the database's clock is from the exporter's. More than 30 s: find out which one is wrong, by NTP.",
            query("max(abs(slurmdbd_database_clock_skew_seconds))", instant=True),
            "s",
            decimals=0,
            thresholds=steps((30, RED)),
            filled=True,
        ),
    ]


def clusters() -> Json:
    return table(
        "By cluster",
        "How far each cluster's official usage reaches. From there on usage is counted from jobs, until slurmdbd has rolled it up. To be repeated: "
        "a record about the past came in, and the next roll-up begins there.",
        [
            query(f"1000 * {LAST}", table=True),
            query(f"time() - {LAST}", table=True),
            query(S.gauge("slurmdbd_usage_timezone_agrees"), table=True),
            query(f"1000 * {S.gauge('slurmdbd_oldest_job_timestamp_seconds')}", table=True),
            query(S.gauge("slurmdbd_quota_usage_exact"), table=True),
            query(f"1000 * {S.gauge('slurmdbd_rollup_pending_since_timestamp_seconds')}", table=True),
            query(GAP, table=True),
            query(STRAYS, table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("A", "Rolled up until", "dateTimeAsIso"),
            Column("B", "Behind", "s", decimals=0, thresholds=LATE, custom__cellOptions=colored_text()),
            Column("F", "To be repeated from", "dateTimeAsIso"),
            Column("G", "Missing", "s", decimals=0, thresholds=steps((1, ORANGE), base="text"), custom__cellOptions=colored_text()),
            Column("H", "Uncharged jobs", "none", thresholds=steps((1, ORANGE), base="text"), custom__cellOptions=colored_text()),
            Column("C", "Time zone", mappings=words(v0=("differs", RED), v1=("agrees", GREEN)), custom__cellOptions=colored_text()),
            Column("D", "Jobs go back to", "dateTimeAsIso"),
            Column("E", "Quotas counted", mappings=words(v0=("estimate", ORANGE), v1=("exactly", GREEN)), custom__cellOptions=colored_text()),
        ],
        height=5,
    )


def hours_by(cause: str) -> str:
    """By cluster and TRES: TRES-hours, of memory GiB-hours."""
    metric = "slurmdbd_usage_discrepancy_tres_seconds"
    return f"({hours(S.gauge(metric, cause=cause, tres='!=mem'))} or {hours(S.gauge(metric, cause=cause, tres='=~mem'))} / 2 ^ 30)"


def unexplained_share() -> str:
    used = S.gauge("slurmdbd_account_usage_rolled_up_tres_seconds", account="root", period="last_day")
    return f"({S.gauge('slurmdbd_usage_discrepancy_tres_seconds', cause='unexplained')} / ({used} > 0))"


def holds_together() -> list[Json]:
    reasons = words(
        superseded=("its job id runs again", RED),
        final_state=("its state is final", RED),
        over_time_limit=("beyond its time limit", ORANGE),
        association_deleted=("its association is deleted", ORANGE),
        pending_for_long=("pending for 90 days", ORANGE),
    )
    return [
        table(
            "Yesterday's usage against its jobs",
            "By how much what slurmdbd rolled up differs from the jobs, in hours of each resource (memory in GiB-hours). Idle reservations are charged to "
            "those who could have used them, suspended time to jobs that stood still; clipped is charged though the cluster had not as much. "
            "Unexplained has to be 0: otherwise look for altered or removed rows.",
            [*(query(hours_by(cause), table=True) for cause in ("reservation", "suspension", "clipping", "unexplained")), query(unexplained_share(), table=True)],
            [
                Column("cluster", "Cluster"),
                Column("tres", "Resource"),
                Column("A", "Idle reservations", "short", decimals=1),
                Column("B", "Suspended", "short", decimals=1),
                Column("C", "Clipped", "short", decimals=1),
                Column("D", "Unexplained", "short", decimals=1, thresholds=OTHER_THAN_0, custom__cellOptions=colored_text()),
                Column("E", "Of all used", "percentunit", decimals=2),
            ],
            sort="Unexplained",
            empty="No day is complete yet",
            width=16,
            height=9,
        ),
        table(
            "Jobs that are likely to be over",
            "Open records of jobs that slurmctld most likely does not know any more, by the first reason that applies. They are charged until they are "
            "repaired: sacctmgr show runawayjobs.",
            query(f"{S.gauge(RUNAWAYS)} > 0", table=True),
            [
                Column("cluster", "Cluster"),
                Column("reason", "Why", mappings=reasons, custom__cellOptions=colored_text(), custom__width=200),
                Column("A", "Jobs", "none"),
            ],
            sort="Jobs",
            empty="None",
            width=8,
            height=9,
        ),
    ]


def changes() -> list[Json]:
    gained = S.gained(CHANGES, "$__range", cluster=OF_CLUSTER)
    return [
        timeseries(
            "Changes through sacctmgr, by kind",
            "How many were made about each moment, of the chosen clusters and of what belongs to all. A peak at night: ask who it was.",
            query(total("action", S.gained(CHANGES, "$__rate_interval", cluster=OF_CLUSTER)), "{{action}}"),
            "none",
            bars=True,
            stacked=True,
            decimals=0,
            empty="No changes",
        ),
        table(
            "Who changed what",
            "In the time range. What belongs to no single cluster, as accounts, users and QOS do, is under all. The words are sacctmgr's: "
            "sacctmgr list transactions action=… shows each one.",
            query(f"round({gained}) > 0", table=True),
            [Column("actor", "Who"), Column("action", "What"), Column("cluster", "Cluster"), Column("A", "Changes", "none")],
            sort="Changes",
            empty="No changes",
            width=12,
        ),
    ]


def who_and_since_when() -> list[Json]:
    return [
        table(
            "Who may change accounting",
            "Operators and administrators of the accounting database. Nobody should be here whom you do not know: sacctmgr modify user NAME set adminlevel=None.",
            query(S.gauge("slurmdbd_administrator_info"), table=True),
            [Column("user", "User"), Column("level", "Level", mappings=words(administrator=("administrator", ORANGE)), custom__cellOptions=colored_text())],
            empty="Nobody",
            width=8,
        ),
        table(
            "Records go back to",
            "The oldest record that is kept of each kind. From before that nothing can be proven: purging (Purge…After of slurmdbd) has been there.",
            query(f"1000 * {S.gauge('slurmdbd_oldest_record_timestamp_seconds', cluster=OF_CLUSTER)}", table=True),
            [Column("cluster", "Cluster"), Column("table", "Record"), Column("A", "Oldest", "dateTimeAsIso")],
            sort="Oldest",
            empty="Not known",
            width=8,
        ),
        table(
            "Alerts that fire",
            "Of roll-ups, of reading and of the audit, from the rules shipped with the exporter; docs/runbooks.md says what to do.",
            query(
                "max by (alertname, severity, cluster) ("
                + alerts(alertname="Slurmdbd(Rollup|Cluster|Data|Series|Columns|Runaway|Usage|Jobs|Administrator|Clock).*", cluster="|$cluster")
                + ")",
                table=True,
            ),
            [
                Column("alertname", "Alert"),
                Column("severity", "Severity", mappings=common.SEVERITIES, custom__cellOptions=colored_text(), custom__width=90),
                Column("cluster", "Cluster", custom__width=110),
            ],
            empty="No alert fires",
            width=8,
        ),
    ]


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
            width=8,
        ),
        timeseries(
            "Today's core-hours not yet rolled up",
            "Usage since the last roll-up, counted from jobs. Normally one hour's work.",
            query(hours(f"({live} - {rolled_up})"), "{{cluster}}"),
            "short",
            decimals=1,
            width=8,
        ),
        timeseries(
            "Corrections",
            "Core-hours per hour by which consumption was corrected downwards. A peak: find out who changed or removed jobs (sacctmgr show runaway, "
            "archive, purge).",
            query(total("cluster", S.rate("slurmdbd_corrections_tres_seconds_total", tres="cpu")), "{{cluster}}"),
            "short",
            bars=True,
            empty="No corrections",
            width=8,
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
        [glance(), suspicions(), [clusters()], holds_together(), changes(), who_and_since_when(), over_time(), storage()],
        annotations=[*common.annotations(), common.audit_annotation()],
        since="now-7d",
    )
