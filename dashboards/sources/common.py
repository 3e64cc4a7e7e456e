"""What the dashboards share: variables, annotations, thresholds, colours of states, links."""

from __future__ import annotations

from dashboards.sources.grafana import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    Column,
    Json,
    annotation,
    colored_text,
    datasource,
    fixed,
    labels_of,
    link,
    override,
    steps,
    words,
)

OVERVIEW, ACCOUNTS, USERS, OUTCOMES = "slurmdbd-overview", "slurmdbd-accounts", "slurmdbd-users", "slurmdbd-outcomes"
EFFICIENCY, CAPACITY, COST = "slurmdbd-efficiency", "slurmdbd-capacity", "slurmdbd-cost"
AUDIT, EXPORTER = "slurmdbd-audit", "slurmdbd-exporter"

# Ends that are nobody's wish. A timeout is the user's business as much as a failure.
FAILED = "=~failed|timeout|out_of_memory|node_fail|boot_fail|deadline"
FAILED_SHARES = ((0.25, ORANGE), (0.5, RED))
SEVERITIES = words(critical=("critical", RED), warning=("warning", ORANGE), info=("info", BLUE))
STATES = {
    "completed": GREEN,
    "failed": RED,
    "timeout": ORANGE,
    "out_of_memory": PURPLE,
    "cancelled": GREY,
    "node_fail": "dark-red",
    "boot_fail": "semi-dark-red",
    "deadline": "yellow",
    "preempted": "light-blue",
    "requeued": BLUE,
    "running": GREEN,
    "pending": ORANGE,
    "suspended": GREY,
}


def state_colors(*states: str) -> list[Json]:
    return [override(state, color=fixed(STATES[state])) for state in states or STATES]


def share_column(source: str, name: str, *limits: tuple[float, str], decimals: int = 0) -> Column:
    """A share in plain text, coloured from the first limit on."""
    return Column(source, name, "percentunit", decimals=decimals, thresholds=steps(*limits, base="text"), custom__cellOptions=colored_text())


def variables(*more: Json) -> list[Json]:
    """Data source, cluster, and what else the dashboard has."""
    return [datasource(), labels_of("cluster", "Cluster", "slurmdbd_exporter_cluster_success, cluster"), *more]


def account_variable() -> Json:
    return labels_of("account", "Account", 'slurmdbd_account_info{cluster=~"$cluster",account!="root"}, account')


def user_variable(account: str = "") -> Json:
    chosen = f',account=~"{account}"' if account else ""
    return labels_of("user", "User", f'slurmdbd_user_tres_seconds_total{{cluster=~"$cluster"{chosen}}}, user')


def partition_variable() -> Json:
    return labels_of("partition", "Partition", 'slurmdbd_jobs{cluster=~"$cluster"}, partition')


def annotations(accounts: str = "") -> list[Json]:
    """Roll-up trouble, and quota alerts of these accounts (all by default)."""
    of = f',account=~"{accounts}"' if accounts else ""
    firing = 'alertstate="firing",cluster=~"$cluster"'
    return [
        annotation("Roll-ups late", f'ALERTS{{alertname="SlurmdbdRollupLate",{firing}}}', ORANGE, "Roll-ups late", "{{cluster}}"),
        annotation(
            "Quota alerts",
            f'max by (alertname, cluster, account, user, tres) (ALERTS{{alertname=~"SlurmdbdQuota(Exceeded|NearlyExhausted)",{firing}{of}}})',
            RED,
            "{{alertname}}",
            "{{cluster}} {{account}} {{user}} {{tres}}",
        ),
    ]


def audit_annotation() -> Json:
    """What an auditor wants to know of."""
    names = "Slurmdbd(RunawayJobs|UsageUnexplained|UsageGap|JobsWithoutAssociation|AdministratorAdded|ClockSkewed)"
    firing = f'ALERTS{{alertname=~"{names}",alertstate="firing",cluster=~"|$cluster"}}'
    return annotation("Audit alerts", f"max by (alertname, cluster, reason, tres, user) ({firing})", RED, "{{alertname}}", "{{cluster}} {{reason}} {{tres}} {{user}}")


def to_account() -> list[Json]:
    return [link("This account", ACCOUNTS, "cluster=${__data.fields.Cluster}", "account=${__data.fields.Account}")]


def to_cluster(uid: str, title: str) -> list[Json]:
    return [link(title, uid, "cluster=${__data.fields.Cluster}")]
