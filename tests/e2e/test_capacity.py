"""Clusters and nodes of a real Slurm, judged by sreport, sacctmgr and scontrol.

    python3 -m tests.e2e.test_capacity         # 0 well, 1 something differs, 77 it cannot be run here

Rolled up: a year and more of made-up jobs, reservations and node events of two clusters is rolled up by slurmdbd itself, and
every figure of `sreport cluster utilization` has to be the exporter's; so has, before the last hours are rolled up, the
estimate of what will be in them.

Live: nodes of a running cluster are drained, downed and resumed, and the cluster changes under them; at each step the page is
compared with `sacctmgr show event` and `scontrol show node`. At last its rows are moved some hours into the past, rolled up,
and compared with sreport.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.e2e import judge, servers
from tests.e2e.comparison import Comparison
from tests.e2e.servers import MIB, Page, Totals
from tests.e2e.test_usage import CAPACITY, CLUSTERS, DAY, HOUR, Site
from tests.integration.usage_judge import windows
from tests.support.mariadb import PrivateMariaDB
from tests.support.slurm import PrivateSlurm, wait_until

# Column of sreport -> kind.
KINDS = {
    "Allocated": "allocated", "Down": "down", "PlannedDown": "planned_down", "Idle": "idle", "Reserved": "planned",
    "Overcommitted": "overcommitted",
}  # fmt: skip
# Word of sacctmgr -> word of the exporter.
STATES = {"DOWN": "down", "DRAIN": "drained", "DRNG": "draining", "FAIL": "fail", "MAINT": "maint", "IDLE": "idle", "INVAL": "inval"}
NODE = {"cpu": 64, "mem": 256_000, "billing": 64}


def utilization(slurm: PrivateSlurm, start: str, end: str, clusters: tuple[str, ...]) -> Totals:
    """(cluster, tres, kind) -> TRES-seconds, as sreport says."""
    columns = ("Cluster", "TresName", *KINDS)
    words = ["cluster", "Utilization", f"start={start}", f"end={end}", f"clusters={','.join(clusters)}", f"format={','.join(columns)}"]
    figures: Totals = {}
    for row in slurm.sreport("-t", "Seconds", "-T", "ALL", *words):
        named = dict(zip(columns, row, strict=True))
        for column, kind in KINDS.items():
            figures[named["Cluster"], named["TresName"], kind] = int(named[column])
    return figures


# Rolled up.


def run_rolled_up(zone: str, comparison: Comparison) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-capacity-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(
            PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=CLUSTERS, tz=zone, accounts=(), qos={}, controllers=False)
        )
        site = Site(slurm, database, zone, folder)
        # A third of the year that it would take: enough for a quarter, and for a change of the clocks.
        site.start = int((datetime.fromtimestamp(site.now, site.zone) - timedelta(days=130)).replace(hour=0, minute=0, second=0).timestamp())
        site.add_associations()
        site.write()
        for number, (name, writer) in enumerate(site.writers.items()):
            # Away in the hours that are rolled up last, through a change of the cluster.
            for node, begin, end in (("n1", 9000, 5000), ("n2", 8000, 0), ("n3", 700, 0)):
                writer.node_down(node, NODE, at=site.now - begin)
                if end:
                    writer.node_up(node, at=site.now - end)
            writer.register_cluster(CAPACITY | {"cpu": 700 + number, "node": 11, "gres/gpu": 8}, nodes="n[1-11]", at=site.now - 3000)
        slurm.restart_slurmdbd()
        early_end = site.now - 5 * HOUR
        site.roll_up(early_end)
        forget(site, early_end)
        early = site.exporter.once(site.now)
        live = early.figures("slurmdbd_cluster_usage_live_tres_seconds", "cluster", "tres", "kind")
        since = early.figures("slurmdbd_cluster_usage_live_since_timestamp_seconds", "cluster")
        comparison.compare("roll-up: end of the last hour", {(name,): early_end for name in CLUSTERS}, since, 2)
        site.roll_up()
        late = site.exporter.once(site.now)
        for period, (start, end) in windows(site.zone, site.now).items():
            if start < end:
                judged = utilization(slurm, site.local(start), site.local(end), CLUSTERS)
                actual = late.figures("slurmdbd_cluster_usage_tres_seconds", "cluster", "tres", "kind", period=period)
                comparison.compare("sreport cluster utilization", judged, actual, 120, period)
        judged = utilization(slurm, site.local(early_end), site.local(site.now), CLUSTERS)
        comparison.compare("estimate before = sreport after", estimated(judged), live, 10)


def forget(site: Site, since: int) -> None:
    """slurmdbd has rolled up all there is when it started: as if it had not yet, of the clusters themselves."""
    local = datetime.fromtimestamp(since, site.zone).replace(minute=0, second=0)
    day, month = (int(start.timestamp()) for start in (local.replace(hour=0), local.replace(hour=0, day=1)))
    for name, writer in site.writers.items():
        for level, start in (("hour", since), ("day", day), ("month", month)):
            writer.execute(f"delete from {name}_usage_{level}_table where time_start >= %s", (start,))


def estimated(judged: Totals) -> Totals:
    """What an estimate says to that: the plans of waiting jobs count as idle."""
    sums: Totals = defaultdict(int)
    for (cluster, tres, kind), value in judged.items():
        if kind != "overcommitted":
            sums[cluster, tres, "idle" if kind == "planned" else kind] += value
    return dict(sums)


# Live.


class Live:
    """A running cluster, and the exporter that reads what is known of it."""

    def __init__(self, slurm: PrivateSlurm, database: PrivateMariaDB, folder: pathlib.Path, comparison: Comparison) -> None:
        self.slurm, self.database, self.comparison = slurm, database, comparison
        self.began = int(time.time())
        self.exporter = servers.Exporter(
            folder, 0,
            servers.database_flags(database, folder) | {"counter.epoch": servers.rfc3339(self.began - DAY), "log.level": "warn"},
        )

    def page(self) -> Page:
        return self.exporter.once(int(time.time()))

    def events(self) -> list[dict[str, str]]:
        """All rows of nodes, as sacctmgr shows them."""
        columns = ("NodeName", "TimeStart", "TimeEnd", "State", "Reason", "User")
        out = self.slurm.sacctmgr("-n", "-P", "show", "event", "event=node", "start=2000-01-01", f"format={','.join(columns)}")
        return [dict(zip(columns, line.split("|"), strict=True)) for line in out.splitlines()]

    def away(self) -> dict[str, tuple[str, str, str, int]]:
        """node -> state, reason, uid and since when: of the open rows, each followed to the first without a gap."""
        rows = self.events()
        begins = {(row["NodeName"], row["TimeEnd"]): row["TimeStart"] for row in rows if row["TimeEnd"] != row["TimeStart"]}
        found = {}
        for row in rows:
            if row["TimeEnd"].isdigit():
                continue
            since = row["TimeStart"]
            while (row["NodeName"], since) in begins:
                since = begins[row["NodeName"], since]
            uid = re.fullmatch(r"(?:.*\((\d+)\))?", row["User"])[1] or ""
            found[row["NodeName"]] = (STATES[row["State"].rstrip("*")], row["Reason"], uid, int(since))
        return found

    def compare_nodes(self, moment: str, *expected: str) -> Page:
        """`expected`: nodes that have to be away now, so that the comparison is not one of nothing."""
        wait_until(lambda: self.away().keys() == set(expected), f"{expected} to be away {moment}: {self.events()}", 120, 0.5)
        judged, page = self.away(), self.page()
        # What the controller itself says of them; reasons are cut to their first line there.
        for node, (state, _, _, _) in judged.items():
            shown = self.slurm.scontrol("-o", "show", "node", node)
            told = re.search(r"State=(\S+)", shown)[1].lower()
            if {"drained": "drain", "down": "down"}[state] not in told:
                raise servers.ServerError(f"{moment}: {node} is {state} for sacctmgr, {told} for scontrol")
        since = page.figures("slurmdbd_node_unavailable_since_timestamp_seconds", "node", "state", "reason")
        infos = page.figures("slurmdbd_node_unavailable_info", "node", "state", "reason", "set_by")
        counts: Totals = defaultdict(int)
        for state, *_ in judged.values():
            counts[(state,)] += 1
        compare = self.comparison.compare
        compare("sacctmgr show event: since when, by node, state, reason", {(n, s, r): t for n, (s, r, _, t) in judged.items()}, since, 8, moment)
        compare("sacctmgr show event: who set it", {(n, s, r, u): 1 for n, (s, r, u, _) in judged.items()}, infos, 8, moment)
        compare("sacctmgr show event: nodes by state", counts, page.figures("slurmdbd_nodes_unavailable", "state"), 5, moment)
        return page

    def capacity(self) -> Totals:
        """The cluster's TRES, as sacctmgr shows them."""
        out = self.slurm.sacctmgr("-n", "-P", "show", "cluster", "format=TRES").strip()
        return {(name,): count // MIB if name == "mem" else count for name, count in judge.tres(out).items()}

    def compare_cluster(self, page: Page, moment: str, registered: int) -> None:
        self.comparison.compare("sacctmgr show cluster: TRES", self.capacity(), page.figures("slurmdbd_cluster_tres", "tres"), 10, moment)
        out = self.slurm.sacctmgr("-n", "-P", "show", "cluster", "format=Cluster,ControlHost,ControlPort,RPC").strip().split("|")
        infos = page.figures("slurmdbd_cluster_info", "cluster", "control_host", "control_port", "protocol")
        self.comparison.compare("sacctmgr show cluster: controller", {tuple(out): 1}, infos, 2, moment)
        self.comparison.compare("registered", {("alpha",): registered}, page.figures("slurmdbd_cluster_registered", "cluster"), 1, moment)
        version = page.figures("slurmdbd_cluster_info", "version")
        ours = self.slurm.first.run("sinfo", "--version")
        self.comparison.compare("version", {(re.search(r"\d+\.\d+", ours)[0],): 1}, version, 1, moment)

    def set_node(self, node: str, state: str, reason: str = "") -> None:
        words = [f"nodename={node}", f"state={state}"] + ([f"reason={reason}"] if reason else [])
        self.slurm.scontrol("update", *words)
        time.sleep(2.1)  # in seconds of their own

    def change_cluster(self, before: str, after: str) -> None:
        """A controller that is started with other licences registers the cluster anew."""
        cluster = self.slurm.first
        path = cluster.folder / "slurm.conf"
        path.write_text(path.read_text().replace(before, after))
        cluster.slurmctld.stop()
        time.sleep(1)
        cluster.slurmctld.start()
        count = int(after.rpartition(":")[2])
        wait_until(lambda: self.capacity().get(("license/solver",)) == count, "the cluster to register", 40, 0.5)

    def play(self) -> None:
        slurm = self.slurm
        page = self.compare_nodes("at first")
        self.compare_cluster(page, "at first", 1)
        self.set_node("n1", "drain", "bad disk")
        self.set_node("g1", "down", "power")
        self.compare_nodes("one drained, one down", "n1", "g1")
        self.set_node("n1", "down", "board")  # another state and reason: the row is ended and another begun
        self.compare_nodes("drained, then down", "n1", "g1")
        job = slurm.sbatch("sleep 8", user="games", account="physics", partition="cpu", nodelist="n2")
        slurm.wait_for_state(job, "RUNNING")
        self.set_node("n2", "drain", "firmware")
        self.compare_nodes("n2 has a job still", "n1", "g1")
        slurm.wait_for_state(job, "COMPLETED")
        self.compare_nodes("n2 is drained", "n1", "g1", "n2")
        self.change_cluster("solver:10", "solver:12")
        page = self.compare_nodes("the cluster has changed", "n1", "g1", "n2")
        self.compare_cluster(page, "changed", 1)
        self.set_node("g1", "resume")
        self.set_node("n2", "resume")
        self.compare_nodes("two are back", "n1")
        self.set_node("g1", "drain", "again")
        self.compare_nodes("one is away again", "n1", "g1")
        self.play_reservations()

    def play_reservations(self) -> None:
        """One that is half used, changed in the middle and used again; one each day; one that is yet to come and one removed."""
        slurm = self.slurm
        slurm.scontrol("create", "reservation", "ReservationName=course", "StartTime=now", "Duration=600", "Users=games,mail", "Nodes=n2")
        slurm.scontrol("create", "reservation", "ReservationName=nightly", "StartTime=now+600", "Duration=60", "Users=root", "Nodes=g2", "Flags=DAILY,MAINT")
        slurm.scontrol("create", "reservation", "ReservationName=later", "StartTime=now+7200", "Duration=600", "Users=root", "Nodes=g1", "Flags=IGNORE_JOBS")
        slurm.scontrol("create", "reservation", "ReservationName=removed", "StartTime=now", "Duration=30", "Users=root", "Nodes=g2")
        time.sleep(2)
        slurm.scontrol("delete", "ReservationName=removed")
        jobs = [slurm.sbatch(f"sleep {seconds}", user="games", account="physics", partition="cpu", reservation="course", ntasks=tasks) for seconds, tasks in ((4, 2), (7, 1))]
        for job in jobs:
            slurm.wait_for_state(job, "COMPLETED")
        self.compare_reservations("half used")
        slurm.scontrol("update", "ReservationName=course", "Nodes=n2,g2", "Duration=700")
        time.sleep(2)
        self.compare_reservations("changed")
        slurm.wait_for_state(slurm.sbatch("sleep 3", user="mail", account="physics", partition="cpu", reservation="course"), "COMPLETED")
        self.compare_reservations("used again")

    def compare_reservations(self, moment: str) -> None:
        """With what scontrol shows."""

        def known() -> dict[str, dict[str, str]]:
            shown = self.slurm.scontrol("-o", "show", "reservation").splitlines()
            return {row["ReservationName"]: row for row in (dict(re.findall(r"(\S+?)=(\S*)", line)) for line in shown if "=" in line)}

        def told() -> bool:  # slurmdbd learns of it a moment later
            page = self.page()
            return page.figures("slurmdbd_reservation_end_timestamp_seconds", "reservation") == {
                (name,): int(row["EndTime"]) for name, row in known().items()
            }

        wait_until(told, f"slurmdbd to know the reservations {moment}", 20, 0.5)
        page, shown = self.page(), known()
        compare, tres = self.comparison.compare, {}
        for name, row in shown.items():
            for word, count in judge.tres(row["TRES"]).items():
                tres[name, word] = count
        compare("scontrol show reservation: start", {(name,): int(row["StartTime"]) for name, row in shown.items()},
                page.figures("slurmdbd_reservation_start_timestamp_seconds", "reservation"), 9, moment)  # fmt: skip
        compare("scontrol show reservation: end", {(name,): int(row["EndTime"]) for name, row in shown.items()},
                page.figures("slurmdbd_reservation_end_timestamp_seconds", "reservation"), 9, moment)  # fmt: skip
        infos = {(name, row["Nodes"], *(["MAINT" in row["Flags"], "DAILY" in row["Flags"], "IGNORE_JOBS" in row["Flags"]])): 1 for name, row in shown.items()}
        ours = {
            (name, nodes, "MAINT" in flags, "DAILY" in flags, "IGNORE_JOBS" in flags): value
            for (name, nodes, flags), value in page.figures("slurmdbd_reservation_info", "reservation", "nodes", "flags").items()
        }
        compare("scontrol show reservation: nodes and flags", infos, ours, 9, moment)
        compare("scontrol show reservation: TRES", tres, page.figures("slurmdbd_reservation_tres", "reservation", "tres"), 9, moment)

    def compare_reserved(self) -> None:
        """What sreport says of reservations that began before this hour, and, once it is rolled up, sacctmgr."""
        columns = ("Name", "TresName", "Allocated")
        words = ("reservation", "utilization", "start=now-1days", "end=now", f"format={','.join(columns)}")
        page = self.page()
        # In hundredths: slurmdbd has fractions of it.
        current = {
            (have["reservation"],): round(100 * value) for have, value in page.samples["slurmdbd_reservation_unused_seconds"]
        }
        used: Totals = defaultdict(int)
        for name, tres, amount in self.slurm.sreport("-t", "Seconds", "-T", "ALL", *words):
            if (name,) in current:
                used[name, tres] += int(amount)
        actual = page.figures("slurmdbd_reservation_used_tres_seconds", "reservation", "tres")
        # It shows the TRES that a reservation holds; of what its jobs held beside them tells sacct.
        self.comparison.compare("sreport reservation utilization", dict(used), {key: value for key, value in actual.items() if key in used})
        held: Totals = defaultdict(int)
        for row in self.slurm.sacct("-D", "-X", "--noconvert", "-S", "now-2days", fields=("Reservation", "ElapsedRaw", "AllocTRES")):
            for tres, count in judge.tres(row["AllocTRES"]).items() if row["Reservation"] else ():
                held[row["Reservation"], tres] += int(row["ElapsedRaw"]) * (count // MIB if tres == "mem" else count)
        self.comparison.compare("sacct: jobs of reservations", dict(held), actual, 4)
        unused: Totals = defaultdict(int)
        shown = self.slurm.sacctmgr("-n", "-P", "show", "reservation", "start=now-1days", "format=Name,UnusedWall")
        for name, amount in (line.split("|") for line in shown.splitlines()):
            if (name,) in current:
                unused[(name,)] += round(100 * float(amount))
        self.comparison.compare("sacctmgr show reservation: unused", unused, current, 2)

    def into_the_past(self) -> None:
        """Ends the daemons that would write, and moves all rows some hours back: what was minutes ago can be rolled up."""
        self.slurm.first.stop()
        wait_until(lambda: not self.controller(), "slurmdbd to know that the controller is gone", 30, 0.5)
        self.compare_cluster(self.page(), "gone", 0)
        back = 3 * HOUR
        with self.database.connect() as connection, connection.cursor() as cursor:
            for table, columns in (
                ("job", ("time_submit", "time_eligible", "time_start", "time_end")),
                ("event", ("time_start", "time_end")),
                ("resv", ("time_start", "time_end")),
            ):
                # From the oldest on: no two rows may have one key in between.
                for column in columns:
                    cursor.execute(f"update alpha_{table}_table set {column} = {column} - {back} where {column} > {back} order by {column}")
            connection.commit()
        self.began -= back

    def controller(self) -> str:
        return self.slurm.sacctmgr("-n", "-P", "show", "cluster", "format=ControlHost").strip()

    def compare_rolled_up(self) -> None:
        now = int(time.time()) // HOUR * HOUR

        def local(at: int) -> str:
            return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))

        self.slurm.sacctmgr("rollup", local(self.began // HOUR * HOUR - HOUR), seconds=60)
        page = self.exporter.once(now)
        for period, (start, end) in windows(ZoneInfo("UTC"), now).items():
            if start < end:
                judged = utilization(self.slurm, local(start), local(end), ("alpha",))
                actual = page.figures("slurmdbd_cluster_usage_tres_seconds", "cluster", "tres", "kind", period=period)
                self.comparison.compare("sreport cluster utilization, of what was live", judged, actual, 30, period)


def run_live(comparison: Comparison) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-capacity-")))
        database = stack.enter_context(PrivateMariaDB())
        slurm = stack.enter_context(PrivateSlurm(database.port, password=database.passwords["slurm"]))
        slurm.restart_slurmdbd()  # it begins to roll up from when the cluster has registered
        live = Live(slurm, database, folder, comparison)
        live.play()
        live.into_the_past()
        live.compare_rolled_up()
        live.compare_reserved()


def parts(comparison: Comparison) -> Iterator[str]:
    run_rolled_up("America/New_York", comparison)
    yield "rolled up"
    run_live(comparison)
    yield "live"


def main() -> int:
    if reason := servers.unavailable():
        print(f"skipped: {reason}")
        return 77
    comparison, began = Comparison(), time.monotonic()
    for part in parts(comparison):
        print(f"{time.monotonic() - began:6.1f} s  {part}", file=sys.stderr, flush=True)
    return comparison.report()


if __name__ == "__main__":
    sys.exit(main())
