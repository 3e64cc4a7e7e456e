"""Management, accounting: what does usage cost, who pays, do the budgets last, and is anything charged to nobody?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import BLUE, GREEN, GREY, ORANGE, RED, Column, Json, bargauge, board, choice, fixed, labels_of, query, stat, steps, table, timeseries
from dashboards.sources.metrics import Scope, total

S = Scope("cluster", "department", "period")
OF_CLUSTER = Scope("cluster")
# Budgets and free quotas of all clusters together have no cluster.
ALL = Scope("department")
BILLED = S.gauge("slurmdbd_department_cost")
LISTED = S.gauge("slurmdbd_department_list_cost")
SUBSIDY = S.gauge("slurmdbd_department_subsidy")
SPENT = steps((0.8, ORANGE), (1, RED))


def month(metric: str, period: str) -> str:
    return Scope("cluster", "department").gauge(metric, period=period)


def budgets() -> str:
    """Used of budgets, of the chosen departments and all accounts: a result of the shipped recording rules."""
    return 'budget:slurmdbd_budget_used_per_budget:ratio{department=~"$department|"}'


def at_a_glance() -> list[Json]:
    paces = 'budget:slurmdbd_cost_period_elapsed:ratio{period="$period"}'
    credit = f"(sum({Scope('period').gauge('slurmdbd_account_credit')}) or vector(0)) + (sum({Scope('department', 'period').gauge('slurmdbd_department_credit')}) or vector(0))"
    return [
        stat(
            "Billed",
            "What the chosen departments' jobs cost in the period, after outcomes, discounts and subsidies. Free quotas are apart.",
            query(f"sum({BILLED})", instant=True),
            "locale",
            decimals=2,
            empty="no price book",
        ),
        stat(
            "By the end of the period",
            "Billed, if it goes on as since the period began. In its first days this says little.",
            query(f"sum({BILLED}) / scalar({paces})", instant=True),
            "locale",
            decimals=0,
            empty="not known",
        ),
        stat(
            "At list prices",
            "What it would cost without outcomes, discounts and subsidies.",
            query(f"sum({LISTED})", instant=True),
            "locale",
            decimals=2,
            empty="no price book",
        ),
        stat(
            "Subsidies",
            "What is paid by somebody else.",
            query(f"sum({SUBSIDY})", instant=True),
            "locale",
            decimals=2,
            empty="none",
        ),
        stat(
            "Free of charge",
            "What of the bill free quotas cover, of the chosen departments and all accounts.",
            query(credit, instant=True),
            "locale",
            decimals=2,
            empty="none",
        ),
        stat(
            "Budgets above 80 %",
            "How many of the budgets of the chosen departments, and of accounts, are nearly or wholly spent. More than 0: look at the bars.",
            query(f"sum({budgets()} > bool 0.8)", instant=True),
            "none",
            thresholds=steps((1, ORANGE)),
            empty="no budget",
        ),
    ]


def departments() -> list[Json]:
    this, last = month("slurmdbd_department_cost", "month"), month("slurmdbd_department_cost", "last_month")
    by = "cluster, department, currency"
    return [
        table(
            "By department",
            "The period that is chosen, next to this and last month. A row without a department is of accounts that belong to none: give them one.",
            [
                query(total(by, BILLED), table=True),
                query(total(by, LISTED), table=True),
                query(total(by, SUBSIDY), table=True),
                query(total(by, this), table=True),
                query(total(by, last), table=True),
            ],
            [
                Column("cluster", "Cluster"),
                Column("department", "Department", custom__width=230),
                Column("A", "Billed", "locale", decimals=2),
                Column("B", "At list prices", "locale", decimals=2),
                Column("C", "Subsidy", "locale", decimals=2),
                Column("D", "This month", "locale", decimals=2),
                Column("E", "Last month", "locale", decimals=2),
                Column("currency", "Currency"),
            ],
            sort="Billed",
            empty="No price book",
            width=16,
            height=9,
        ),
        bargauge(
            "Budgets spent",
            "Of each budget of the chosen departments, and of accounts, in its own period. At 100 % nothing is stopped: that is for quotas to do.",
            query(f"sort_desc({budgets()})", "{{department}}{{account}} ({{period}})", instant=True),
            "percentunit",
            maximum=1.2,
            decimals=0,
            thresholds=SPENT,
            empty="No budget is set",
            width=8,
            height=9,
        ),
    ]


def accounts() -> Json:
    own = Scope("cluster", "department", "period")
    by = "cluster, department, account, currency"
    return table(
        "By account",
        "An account's own jobs; those below it are apart, so rows can be added up.",
        [
            query(total(by, own.gauge("slurmdbd_account_cost")), table=True),
            query(total(by, own.gauge("slurmdbd_account_list_cost")), table=True),
            query(total(by, own.gauge("slurmdbd_account_subsidy")), table=True),
            query(total(by, month("slurmdbd_account_cost", "last_month")), table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("department", "Department"),
            Column("account", "Account", links=common.to_account()),
            Column("A", "Billed", "locale", decimals=2),
            Column("B", "At list prices", "locale", decimals=2),
            Column("C", "Subsidy", "locale", decimals=2),
            Column("D", "Last month", "locale", decimals=2),
            Column("currency", "Currency"),
        ],
        sort="Billed",
        empty="No price book",
        height=9,
    )


def over_time() -> list[Json]:
    this, last = month("slurmdbd_department_cost", "month"), month("slurmdbd_department_cost", "last_month")
    return [
        timeseries(
            "This month against the last",
            "What is billed since the month began, and, dashed, what the whole last month came to. Months begin at the zeros.",
            [
                query(total("currency", this), "this month ({{currency}})"),
                query(total("currency", last), "last month ({{currency}})"),
            ],
            "locale",
            decimals=2,
            overrides=[
                {
                    "matcher": {"id": "byRegexp", "options": "/^last month/"},
                    "properties": [
                        {"id": "color", "value": fixed(GREY)},
                        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
                    ],
                }
            ],
            empty="No price book",
        ),
        timeseries(
            "Billed this month, by department",
            "Steeper is more expensive. It falls at the beginning of a month, and when jobs turn out to be free.",
            query(total("department", this), "{{department}}"),
            "locale",
            decimals=2,
            stacked=True,
            empty="No price book",
            legend="right",
            calcs=("lastNotNull",),
        ),
    ]


def to_put_right() -> list[Json]:
    of_nobody = OF_CLUSTER.gauge("slurmdbd_account_list_cost", department="", period="month")
    return [
        table(
            "Accounts without a department",
            "What they come to this month, at list prices. Until somebody pays, the department with the empty name does.",
            [query(f"{of_nobody} > 0", table=True)],
            [Column("cluster", "Cluster"), Column("account", "Account"), Column("Value", "At list prices", "locale", decimals=2), Column("currency", "Currency")],
            sort="At list prices",
            empty="All accounts have one",
            width=9,
            height=6,
        ),
        table(
            "What has no price",
            "TRES that jobs of this month held and that the price book has no price for, in TRES-hours.",
            [query(f"{OF_CLUSTER.gauge('slurmdbd_cost_unpriced_tres_seconds', period='month')} / 3600 > 0", table=True)],
            [Column("cluster", "Cluster"), Column("tres", "TRES"), Column("Value", "Hours", "short", decimals=1)],
            sort="Hours",
            empty="All that is used has a price",
            width=8,
            height=6,
        ),
        table(
            "Price book",
            "What these numbers are made from. Note it with every bill.",
            [query(Scope().gauge("slurmdbd_price_book_info"), table=True)],
            [Column("version", "Version"), Column("currency", "Currency"), Column("sha256", "SHA-256", custom__width=500)],
            empty="No price book",
            width=7,
            height=6,
        ),
    ]


def dashboard() -> Json:
    return board(
        common.COST,
        "Slurm accounting: cost and chargeback",
        "What does usage cost, who pays, do the budgets last, and is anything charged to nobody?",
        common.variables(
            labels_of("department", "Department", 'slurmdbd_department_list_cost{cluster=~"$cluster"}, department'),
            choice("period", "Cost of", month="This month", quarter="This quarter", year="This year"),
        ),
        [at_a_glance(), departments(), over_time(), [accounts()], to_put_right()],
        annotations=common.annotations(),
        since="now-30d",
    )
