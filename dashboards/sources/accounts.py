"""PI, allocation manager: what is used, committed and left of each account's quota, when does it run out, who uses it?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    Column,
    Json,
    bargauge,
    board,
    choice,
    colored_text,
    fixed,
    link,
    query,
    stat,
    steps,
    table,
    timeseries,
    words,
)
from dashboards.sources.metrics import Scope, hours, highest, total

S = Scope("cluster", "account", "tres")
LIMIT = S.gauge("slurmdbd_quota_limit_tres_seconds")
USED = S.gauge("slurmdbd_quota_used_tres_seconds")
COMMITTED = S.gauge("slurmdbd_quota_committed_tres_seconds")
START = S.gauge("slurmdbd_quota_period_start_timestamp_seconds")
STOP = S.gauge("slurmdbd_quota_period_end_timestamp_seconds")
ELAPSED = f"(time() - {START}) / ({STOP} - {START})"
# All of an account's branch: usage of users is told by the account they belong to.
BRANCH = 'slurmdbd_account_info{cluster=~"$cluster",path=~"(.*/)?($account)(/.*)?"}'
OF_BRANCH = f"on (cluster, account) group_left () max by (cluster, account) ({BRANCH})"
USED_UP = words(v0=("used up", RED))
SHARE = steps((0.8, ORANGE), (0.95, RED))
PACE = ((1, ORANGE), (1.5, RED))


def quota(recorded: str) -> str:
    """A result of the shipped recording rules."""
    return f'quota:{recorded}{{cluster=~"$cluster",account=~"$account",tres=~"$tres",qos=""}}'


def runs_out(used: str, limit: str) -> str:
    """When, in milliseconds as Grafana wants them, and 0 where nothing is left."""
    return f"1000 * (time() + {quota('slurmdbd_quota_exhaustion_seconds:forecast')}) or 0 * ({used} >= {limit} > 0)"


def own(expression: str) -> str:
    """Quotas of accounts, without those of users in them."""
    return expression.replace('tres=~"$tres"', 'tres=~"$tres",user=""')


def quotas() -> Json:
    return table(
        "Quotas",
        "GrpTRESMins of accounts and users, in hours of the chosen resource. Committed: what running jobs add if they use their whole time "
        "limits. At this pace: used by the end of the period if it goes on as since its start; beyond 100 % the quota runs out before. "
        "Runs out: the forecast of the shipped rules, if it does within the period. Red: talk to the account's coordinator, or raise the quota.",
        [
            query(f"{USED} / ({LIMIT} > 0)", table=True),
            query(f"{hours(USED)}", table=True),
            query(f"{hours(LIMIT)}", table=True),
            query(f"{hours(COMMITTED)}", table=True),
            query(f"{USED} / ({LIMIT} > 0) / on (cluster) group_left () ({ELAPSED} > 0)", table=True),
            query(runs_out(USED, LIMIT), table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("account", "Account", links=common.to_account()),
            Column("user", "User"),
            Column("A", "Used", "percentunit", gauge=True, decimals=0, thresholds=SHARE, max=1),
            Column("B", "Hours used", "short", decimals=1),
            Column("C", "Quota", "short", decimals=1),
            Column("D", "Committed", "short", decimals=1),
            common.share_column("E", "At this pace", *PACE),
            Column("F", "Runs out", "dateTimeFromNow", mappings=USED_UP, custom__cellOptions=colored_text()),
        ],
        sort="Used",
        empty="No quota (GrpTRESMins) of this resource is set",
        height=8,
    )


def at_a_glance() -> list[Json]:
    """The account in the worst state of those that are chosen."""
    worst = f"{own(USED)} / ({own(LIMIT)} > 0)"
    no_quota = "no quota"
    return [
        stat(
            "Most used quota",
            "Of the chosen accounts the one that has used most of its quota. From 80 % on plan; at 100 % Slurm holds new jobs.",
            query(f"max({worst})", instant=True),
            "percentunit",
            thresholds=SHARE,
            decimals=0,
            empty=no_quota,
            filled=True,
        ),
        stat(
            "Period gone",
            "How much of the period of quotas is over (PriorityUsageResetPeriod). Used should not be far ahead of it.",
            query(f"max({ELAPSED})", instant=True),
            "percentunit",
            decimals=0,
            empty="never reset",
        ),
        stat(
            "Used at this pace",
            "By the end of the period, if it goes on as since its start. Above 100 % the quota runs out before the period ends.",
            query(f"max({worst} / on (cluster) group_left () ({ELAPSED} > 0))", instant=True),
            "percentunit",
            thresholds=steps(*PACE),
            decimals=0,
            empty=no_quota,
        ),
        stat(
            "Runs out",
            "The earliest date of the shipped rules' forecast: hour, day and week at their present pace. Nothing: the quotas last.",
            query(f"min({runs_out(own(USED), own(LIMIT))})", instant=True),
            "dateTimeFromNow",
            mappings=USED_UP,
            empty="lasts",
        ),
        stat(
            "Fewest hours left",
            "Of the chosen accounts the one with the least left of its quota, in hours of the chosen resource.",
            query(hours(f"min(clamp_min({own(LIMIT)} - {own(USED)}, 0))"), instant=True),
            "short",
            decimals=1,
            empty=no_quota,
        ),
        stat(
            "Quotas above 80 %",
            "How many of the chosen accounts' quotas; the table below begins with them.",
            query(f"sum({worst} > bool 0.8)", instant=True),
            "none",
            thresholds=steps((1, ORANGE)),
            empty=no_quota,
        ),
    ]


def usage() -> list[Json]:
    official = Scope("cluster", "account", "tres", "period")
    used = official.gauge_but("slurmdbd_account_usage_tres_seconds", 'account!="root"')
    root = Scope("cluster", "tres", "period").gauge("slurmdbd_account_usage_tres_seconds", account="root")
    users = Scope("cluster", "tres", "period").gauge("slurmdbd_user_usage_tres_seconds")
    jobs = Scope("cluster", "account")
    return [
        table(
            "Usage by account",
            "Official usage as sreport has it, with what came since the last roll-up, of an account and all below it: do not add rows up. "
            "Share: of the whole cluster. Running and waiting: the account's own jobs. Choose an account to see it alone.",
            [
                query(hours(used), table=True),
                query(f"{used} / on (cluster) group_left () ({root} > 0)", table=True),
                query(total("cluster, account", jobs.gauge("slurmdbd_jobs", state="running")), table=True),
                query(total("cluster, account", jobs.gauge("slurmdbd_jobs", state="pending")), table=True),
            ],
            [
                Column("cluster", "Cluster"),
                Column("account", "Account", links=common.to_account()),
                Column("A", "Hours", "short", decimals=1),
                Column("B", "Share", "percentunit", gauge=True, decimals=0, thresholds=steps(base=BLUE)),
                Column("C", "Running", "short"),
                Column("D", "Waiting", "short"),
            ],
            sort="Hours",
            empty="No usage in this period",
            width=14,
            height=10,
        ),
        bargauge(
            "Top users",
            "Who used most in the period, in hours of the chosen resource, in the chosen accounts and all below them.",
            query(f"topk(10, {total('user', f'{users} * {OF_BRANCH}')} / 3600)", "{{user}}", instant=True),
            "short",
            decimals=1,
            links=[link("This user", common.USERS, "user=${__field.labels.user}", "${cluster:queryparam}")],
            empty="No usage in this period",
            width=10,
            height=10,
        ),
    ]


def dashboard() -> Json:
    running = Scope("cluster", "account", "tres").gauge("slurmdbd_jobs_tres", state="running")
    return board(
        common.ACCOUNTS,
        "Slurm accounting: accounts and quotas",
        "What is used, committed and left of each account's quota, how fast, when does it run out, and who uses it?",
        common.variables(
            common.account_variable(),
            choice("tres", "Hours of", cpu="Cores", gres__gpu="GPUs", billing="Billing"),
            choice(
                "period",
                "Usage of",
                month="This month",
                day="Today",
                quarter="This quarter",
                year="This year",
                last_month="Last month",
                last_quarter="Last quarter",
                last_year="Last year",
            ),
        ),
        [
            at_a_glance(),
            [quotas()],
            [
                timeseries(
                    "Used of quota, against an even pace",
                    "A line above the dashed one uses its quota faster than the period passes; where it reaches 100 %, Slurm holds new jobs.",
                    [
                        query(f"{own(USED)} / ({own(LIMIT)} > 0)", "{{account}} ({{cluster}})"),
                        query(f"{highest('cluster', ELAPSED)}", "even pace ({{cluster}})"),
                    ],
                    "percentunit",
                    thresholds=steps((1, RED), base="transparent"),
                    overrides=[
                        {
                            "matcher": {"id": "byRegexp", "options": "/^even pace/"},
                            "properties": [
                                {"id": "color", "value": fixed(GREY)},
                                {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
                                {"id": "custom.lineWidth", "value": 3},
                            ],
                        }
                    ],
                    empty="No quota of this resource is set",
                    legend="right",
                    calcs=("lastNotNull",),
                ),
                timeseries(
                    "In use",
                    "What running jobs of each account hold of the chosen resource; its children are apart.",
                    query(f"{total('account', running)} > 0", "{{account}}"),
                    "short",
                    stacked=True,
                    legend="right",
                    calcs=("lastNotNull",),
                ),
            ],
            usage(),
        ],
        annotations=common.annotations("$account"),
        since="now-7d",
    )
