"""What a cluster's controller reports about itself: registration, nodes down and drained, reservations."""

from __future__ import annotations

from typing import Any, Sequence

from tests.support import releases
from tests.support.accounts import Association
from tests.support.session import Row, Session, Tres
from tests.support.values import NodeState

EVENT = "%_event_table"
RESERVATION = "%_resv_table"


class NodeRecords(Session):
    """Rows of the event and reservation tables."""

    def register_cluster(
        self, tres: Tres, *, nodes: str = "n[1-4]", host: str = "127.0.0.1", port: int = 6817, at: int | None = None
    ) -> None:
        """slurmctld registers with the cluster's capacity; a changed one closes all open events and opens them anew."""
        instant = self.clock() if at is None else at
        contact = {"control_host": host, "control_port": port, "last_port": port, "mod_time": self.clock()}
        contact["rpc_version"] = releases.rpc_version(self.controller_release)
        capacity = self.tres_string(tres)
        with self.bundle():
            self.update("cluster_table", contact, "name = %s", (self.cluster,))
            still = self.select(f"select * from {self.table(EVENT)} where time_end = 0 and (node_name <> '' or state = 0)")
            registered = [row for row in still if not row["node_name"]]
            if registered and registered[0]["tres"] == capacity and registered[0]["cluster_nodes"] == nodes:
                return
            self.update(EVENT, {"time_end": instant}, "time_end = 0", ())
            row = {"node_name": "", "cluster_nodes": nodes, "reason": "Cluster Registered TRES", "state": 0, "tres": capacity}
            self.insert(EVENT, row | {"time_start": instant}, "time_end = 0, tres = values(tres)")
            for node in still:
                if node["node_name"]:
                    self.insert(EVENT, node | {"time_start": instant, "time_end": 0}, "time_end = 0")

    def unregister_cluster(self, *, at: int | None = None, track_down: bool = False) -> None:
        """slurmctld disconnects; with TrackSlurmctldDown there is an event for it."""
        instant = self.clock() if at is None else at
        with self.bundle():
            self.update("cluster_table", {"control_host": "", "control_port": 0, "mod_time": self.clock()}, "name = %s", (self.cluster,))
            if track_down:
                self.update(EVENT, {"time_end": instant}, "time_end = 0 and node_name = ''", ())
                row = {"node_name": "", "reason": "slurmctld disconnect", "state": 1, "time_start": instant}
                self.insert(EVENT, row, "time_end = 0")

    def node_down(
        self, node: str, tres: Tres, *, reason: str = "Not responding", state: int = NodeState.DOWN, uid: int = 0, at: int | None = None
    ) -> None:
        """A node is down or drained. tres: the node's own, without 'node'. A changed state or reason closes the row before."""
        instant = self.clock() if at is None else at
        row: Row = {"node_name": node, "time_start": instant, "reason": reason, "reason_uid": uid, "state": int(state)}
        with self.bundle():
            self.node_up(node, at=instant)
            self.insert(EVENT, row | {"tres": self.tres_string(tres)}, "time_end = 0, state = values(state), reason = values(reason)")

    def node_up(self, node: str, *, at: int | None = None) -> None:
        """The node is back."""
        instant = self.clock() if at is None else at
        with self.bundle():
            self.update(EVENT, {"time_end": instant}, "time_end = 0 and node_name = %s", (node,))

    def add_reservation(
        self, name: str, start: int, end: int, tres: Tres, associations: Sequence[Association] = (), *, flags: int = 0, **columns: Any
    ) -> int:
        """A reservation from start to end (epoch seconds); its id."""
        number = int(self.select(f"select coalesce(max(id_resv), 0) + 1 as n from {self.table(RESERVATION)}")[0]["n"])
        row: Row = {
            "id_resv": number,
            "resv_name": name,
            "time_start": start,
            "time_end": end,
            "tres": self.tres_string(tres),
            "assoclist": "".join(f",{association.id}" for association in associations),
            "flags": int(flags),
        }
        with self.bundle():
            self.insert(RESERVATION, row | columns)
        return number

    def change_reservation(self, number: int, **columns: Any) -> None:
        """A change after the start: the row ends now and a further one with the same id begins."""
        now = self.clock()
        current = f"select * from {self.table(RESERVATION)} where id_resv = %s order by time_start desc limit 1"
        row = self.select(current, (number,))[0]
        changes = self.with_tres_strings(columns)
        with self.bundle():
            if row["time_start"] >= now:
                self.update(RESERVATION, changes, "id_resv = %s and time_start = %s", (number, row["time_start"]))
                return
            self.update(RESERVATION, {"time_end": now}, "id_resv = %s and time_start = %s", (number, row["time_start"]))
            self.insert(RESERVATION, row | {"time_start": now, "unused_wall": 0} | changes)

    def remove_reservation(self, number: int) -> None:
        """Removed before its end."""
        now = self.clock()
        with self.bundle():
            self.update(RESERVATION, {"time_end": now, "deleted": 1}, "id_resv = %s and time_end > %s", (number, now))
