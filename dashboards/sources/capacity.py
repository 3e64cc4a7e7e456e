"""Management: how well is what we bought used, and what was not there to be used?"""

from __future__ import annotations

from dashboards.sources import common
from dashboards.sources.grafana import BLUE, GREEN, ORANGE, PURPLE, RED, Column, Json, board, choice, fixed, override, query, stat, steps, table, timeseries
from dashboards.sources.metrics import Scope, total

S = Scope("cluster")
T = Scope("cluster", "tres")
# From below upwards.
KINDS = {"allocated": GREEN, "planned": PURPLE, "idle": BLUE, "planned_down": ORANGE, "down": RED}
USEFUL = steps((0.6, GREEN), base=BLUE)
LOST = steps((0.05, ORANGE), (0.1, RED))


def share(kind: str, period: str, by: str, scope: Scope = T, **matchers: str) -> str:
    """Part of the capacity, without overcommitted, which comes on top of it."""
    one = scope.gauge("slurmdbd_cluster_usage_tres_seconds", kind=kind, period=period, **matchers)
    whole = scope.gauge("slurmdbd_cluster_usage_tres_seconds", kind="!=overcommitted", period=period, **matchers)
    return f"{total(by, one)} / {total(by, whole)}"


def glance() -> list[Json]:
    used = "What was allocated, of all that the chosen clusters had, down times included. sreport cluster Utilization says the same."
    down = "Down, drained or in planned maintenance, of all that the chosen clusters had."
    numbers = [
        stat(title, used, query(share("allocated", period, ""), instant=True), "percentunit", decimals=1, thresholds=USEFUL, filled=period == "month")
        for title, period in (("Used this month", "month"), ("Last month", "last_month"), ("Yesterday", "last_day"))
    ]
    numbers += [
        stat(title, down, query(share("=~down|planned_down", period, ""), instant=True), "percentunit", decimals=1, thresholds=LOST, empty="none")
        for title, period in (("Lost this month", "month"), ("Lost last month", "last_month"))
    ]
    return [
        *numbers,
        stat(
            "Nodes away now",
            "Down or drained; the table below names them.",
            query(f"sum({S.gauge('slurmdbd_nodes_unavailable')})", instant=True),
            "none",
            thresholds=steps((1, ORANGE)),
        ),
    ]


def by_resource() -> Json:
    shown = "=~cpu|mem|gres/.*|license/.*"

    def of(kind: str, period: str) -> str:
        return share(kind, period, "cluster, tres", S, tres=shown)

    held = total("cluster, tres", S.gauge("slurmdbd_jobs_tres", state="running", tres=shown))
    return table(
        "By cluster and resource",
        "How much of each resource was allocated. Now: what running jobs hold, of what is registered. GPUs are gres/gpu; a typed GPU is part of it.",
        [
            query(f"{held} / {S.gauge('slurmdbd_cluster_tres', tres=shown)}", table=True),
            query(of("allocated", "day"), table=True),
            query(of("allocated", "month"), table=True),
            query(of("allocated", "last_month"), table=True),
            query(of("=~down|planned_down", "month"), table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("tres", "Resource"),
            Column("A", "Now", "percentunit", gauge=True, decimals=0, thresholds=USEFUL),
            Column("B", "Today", "percentunit", gauge=True, decimals=0, thresholds=USEFUL),
            Column("C", "This month", "percentunit", gauge=True, decimals=0, thresholds=USEFUL),
            Column("D", "Last month", "percentunit", gauge=True, decimals=0, thresholds=USEFUL),
            Column("E", "Lost this month", "percentunit", decimals=1),
        ],
        sort="This month",
        empty="Nothing is rolled up yet",
        height=8,
    )


def over_time() -> list[Json]:
    running = total("cluster", T.gauge("slurmdbd_jobs_tres", state="running"))
    there = total("cluster", T.gauge("slurmdbd_cluster_tres"))
    return [
        timeseries(
            "What became of the capacity, day by day",
            "Of the chosen resource in the chosen clusters: each point is the day before it. Much idle while jobs wait: see Waits and outcomes. "
            "Planned: held free for a job that waits for it.",
            [query(share(kind, "last_day", ""), kind) for kind in KINDS],
            "percentunit",
            stacked=True,
            stepped=True,
            maximum=1,
            overrides=[override(kind, color=fixed(color)) for kind, color in KINDS.items()],
        ),
        timeseries(
            "Busy now, by cluster",
            "What running jobs hold of the chosen resource, of what is registered.",
            query(f"({running} or 0 * {there}) / {there}", "{{cluster}}"),
            "percentunit",
            maximum=1,
        ),
    ]


def nodes() -> list[Json]:
    since = S.gauge("slurmdbd_node_unavailable_since_timestamp_seconds")
    return [
        table(
            "Nodes away",
            "Nodes that are down or drained, since when and why. Weeks old: repair, or take the node out of the configuration.",
            query(f"1000 * {since}", table=True),
            [
                Column("cluster", "Cluster"),
                Column("node", "Node"),
                Column("state", "State"),
                Column("reason", "Reason"),
                Column("A", "Since", "dateTimeFromNow"),
            ],
            empty="All nodes are there",
            width=14,
        ),
        timeseries(
            "Nodes away, by state",
            "Down or drained nodes of the chosen clusters.",
            query(total("state", S.gauge("slurmdbd_nodes_unavailable")), "{{state}}"),
            "none",
            stacked=True,
            decimals=0,
            overrides=[override("down", color=fixed(RED)), override("drained", color=fixed(ORANGE))],
            width=10,
        ),
    ]


def reservations() -> Json:
    start = S.gauge("slurmdbd_reservation_start_timestamp_seconds")
    end = S.gauge("slurmdbd_reservation_end_timestamp_seconds")
    held = S.gauge("slurmdbd_reservation_tres", tres="cpu")
    used = S.gauge("slurmdbd_reservation_used_tres_seconds", tres="cpu")
    return table(
        "Reservations",
        "Current and coming ones. Used: of the cores it has held since it began, as it is now. Little of a reservation used: ask its owner, "
        "or let it end.",
        [
            query(f"1000 * {start}", table=True),
            query(f"1000 * {end}", table=True),
            query(held, table=True),
            query(f"{used} / ({held} * (time() - {start} > 0))", table=True),
            query(S.gauge("slurmdbd_reservation_unused_seconds"), table=True),
        ],
        [
            Column("cluster", "Cluster"),
            Column("reservation", "Reservation"),
            Column("A", "Begins", "dateTimeFromNow"),
            Column("B", "Ends", "dateTimeFromNow"),
            Column("C", "Cores", "short"),
            Column("D", "Used", "percentunit", gauge=True, decimals=0, thresholds=USEFUL),
            Column("E", "Stood unused", "s", decimals=1),
        ],
        empty="No reservations",
        height=6,
    )


def dashboard() -> Json:
    return board(
        common.CAPACITY,
        "Slurm accounting: capacity",
        "How well is the capacity used, what kept it from being used, and what is away?",
        common.variables(choice("tres", "Resource", cpu="Cores", gres__gpu="GPUs", mem="Memory", billing="Billing")),
        [glance(), [by_resource()], over_time(), nodes(), [reservations()]],
        annotations=common.annotations(),
        since="now-30d",
    )
