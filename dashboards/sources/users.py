"""Support: one user's jobs, waits, failures, and use over time."""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import BLUE, Column, Json, board, query, stat, steps, table, timeseries
from dashboards.sources.metrics import Scope, hours, total

S = Scope("cluster", "account", "user")
A = Scope("cluster", "account")
# 1 for each account that the user has used this year.
OF_USER = f"on (cluster, account) group_left () (group by (cluster, account) ({S.gauge('slurmdbd_user_usage_tres_seconds', period='year', tres='cpu')}))"


def used(tres: str, period: str) -> str:
    return S.gauge("slurmdbd_user_usage_tres_seconds", tres=tres, period=period)


def now() -> list[Json]:
    def held(tres: str) -> str:
        return f"sum({S.gauge('slurmdbd_user_jobs_tres', state='running', tres=tres)}) or vector(0)"

    def jobs(state: str) -> str:
        return f"sum({S.gauge('slurmdbd_user_jobs', state=state)}) or vector(0)"

    return [
        stat("Running jobs", "The user's jobs that run now.", query(jobs("running")), "short"),
        stat(
            "Waiting jobs",
            "Pending jobs, each task of an array. squeue --user and scontrol show job tell what they wait for.",
            query(jobs("pending")),
            "short",
        ),
        stat("Cores held", "By running jobs.", query(held("cpu")), "short"),
        stat("GPUs held", "By running jobs.", query(held("gres/gpu")), "short"),
        stat(
            "Core-hours, month",
            "Official usage with what came since the last roll-up, in all of the chosen accounts.",
            query(f"{hours('sum(' + used('cpu', 'month') + ')')} or vector(0)", instant=True),
            "short",
            decimals=1,
        ),
        stat(
            "GPU-hours, month",
            "Official usage with what came since the last roll-up, in all of the chosen accounts.",
            query(f"{hours('sum(' + used('gres/gpu', 'month') + ')')} or vector(0)", instant=True),
            "short",
            decimals=1,
        ),
    ]


def over_time() -> list[list[Json]]:
    rate = S.rate("slurmdbd_user_tres_seconds_total", tres="cpu")
    gpus = S.rate("slurmdbd_user_tres_seconds_total", tres="gres/gpu")
    return [
        [
            timeseries(
                "Jobs",
                "Jobs of the user by state. Many that wait for long while none run: a limit of the account or user, or a full cluster.",
                query(total("state", S.gauge("slurmdbd_user_jobs")), "{{state}}"),
                "short",
                stacked=True,
                overrides=common.state_colors("running", "pending", "suspended"),
                width=8,
            ),
            timeseries(
                "Cores in use",
                "Average number of cores that the user's jobs held, by account.",
                query(f"{total('account', rate)} > 0", "{{account}}"),
                "short",
                stacked=True,
                width=8,
            ),
            timeseries(
                "GPUs in use",
                "Average number of GPUs that the user's jobs held, by account.",
                query(f"{total('account', gpus)} > 0", "{{account}}"),
                "short",
                stacked=True,
                empty="No GPUs in this time",
                width=8,
            ),
        ]
    ]


def accounts() -> Json:
    ended = total("cluster, account", A.increase("slurmdbd_jobs_ended_total", "$__range", state="!~requeued|resizing"))
    failed = total("cluster, account", A.increase("slurmdbd_jobs_ended_total", "$__range", state=common.FAILED))
    month = A.gauge("slurmdbd_account_usage_tres_seconds", tres="cpu", period="month")
    mine = total("cluster, account", used("cpu", "month"))
    return table(
        "In which accounts",
        "The user's jobs and this month's core-hours in each account. Share: of all that the account has used this month. Failed: of all jobs of the account that "
        "ended in the time range, whoever's (there is no count of failures by user: sacct --user has it).",
        [
            query(total("cluster, account", S.gauge("slurmdbd_user_jobs", state="running")), table=True),
            query(total("cluster, account", S.gauge("slurmdbd_user_jobs", state="pending")), table=True),
            query(hours(mine), table=True),
            query(f"{mine} / ({month} > 0)", table=True),
            query(f"({failed} / ({ended} > 0)) * {OF_USER}", table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("account", "Account", links=common.to_account()),
            Column("A", "Running", "short"),
            Column("B", "Waiting", "short"),
            Column("C", "Core-hours", "short", decimals=1),
            Column("D", "Share", "percentunit", gauge=True, decimals=0, thresholds=steps(base=BLUE)),
            common.share_column("E", "Failed", *common.FAILED_SHARES),
        ],
        sort="Core-hours",
        empty="No jobs and no use",
        width=16,
        height=7,
    )


def limits() -> Json:
    return table(
        "The user's own limits",
        "Limits in the user's associations, in effect there, by sacctmgr's names; times in seconds. Those of the account and QOS come on top.",
        query(S.gauge("slurmdbd_association_limit"), table=True),
        [
            Column("cluster", "Cluster"),
            Column("account", "Account"),
            Column("user", "User"),
            Column("limit", "Limit"),
            Column("A", "Value", "none"),
        ],
        empty="No limits of their own",
        width=8,
        height=7,
    )


def waits() -> list[Json]:
    oldest = Scope("cluster").gauge("slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds")
    return [
        table(
            "How long others wait",
            "The job that has waited longest in each partition, whoever's: is it only this user who waits?",
            query(f"time() - {oldest}", table=True),
            [Column("cluster", "Cluster"), Column("partition", "Partition"), Column("A", "Longest wait", "s", decimals=1)],
            sort="Longest wait",
            empty="Nobody waits",
            width=8,
        ),
        timeseries(
            "How the accounts' jobs end",
            "Jobs per hour of the chosen accounts, whoever's, by final state: a broken file system shows in everybody's jobs.",
            query(f"3600 * {total('state', A.rate('slurmdbd_jobs_ended_total', state='!~requeued|resizing') + ' * ' + OF_USER)}", "{{state}}"),
            "short",
            stacked=True,
            overrides=common.state_colors(),
            width=16,
        ),
    ]


def dashboard() -> Json:
    return board(
        common.USERS,
        "Slurm accounting: users",
        "What do one user's jobs do: what runs and waits, how much is used, in which accounts, what limits apply?",
        common.variables(common.account_variable(), common.user_variable("$account")),
        [now(), *over_time(), [accounts(), limits()], waits()],
        annotations=common.annotations("$account"),
        since="now-7d",
    )
