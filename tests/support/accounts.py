"""Accounts, users, associations, QOS, TRES, coordinators and wckeys as `sacctmgr` has slurmdbd write them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from tests.support import releases
from tests.support.session import Session
from tests.support.values import Action

ASSOC = "%_assoc_table"


@dataclass(frozen=True)
class Association:
    """Identity of one association; user '' is an account's own."""

    id: int
    account: str
    user: str = ""
    partition: str = ""

    @property
    def uid(self) -> int:
        """The user's number in job rows; the database knows no other place for it."""
        return uid_of(self.user)


def uid_of(user: str) -> int:
    """A stable made-up uid for a user name."""
    return 0 if user in ("", "root") else 10_000 + zlib.crc32(user.encode()) % 50_000


class AccountRecords(Session):
    """Limits are given as columns: grp_tres_mins={'cpu': 60000}, max_jobs=10, qos=',1,2,', shares=5, ..."""

    def record_transaction(self, action: Action | int, name: str, info: str | None = None, actor: str = "root") -> int:
        """A txn_table row; its id."""
        return self.insert(
            "txn_table",
            {"timestamp": self.clock(), "action": int(action), "name": name, "actor": actor, "cluster": self.cluster, "info": info},
        )

    def add_tres(self, name: str) -> int:
        """A TRES such as 'gres/gpu:a100'; its id, also if it is there already."""
        kind, _, rest = name.partition("/")
        try:
            return self.tres_id(name)
        except KeyError:
            pass
        with self.bundle():
            number = self.insert("tres_table", {"creation_time": self.clock(), "type": kind, "name": rest})
            self.record_transaction(Action.ADD_TRES, f"id={number}", f"type='{kind}', name='{rest}'", actor="slurm")
        self._tres_ids.clear()
        return number

    def add_qos(self, name: str, **columns: Any) -> int:
        """A QOS; its id. preempt takes a list of QOS names."""
        row = self.with_tres_strings(columns)
        if isinstance(row.get("preempt"), (list, tuple)):
            row["preempt"] = "".join(f",{self.qos_id(other)}" for other in row["preempt"])
        stamp = {"creation_time": self.clock(), "mod_time": self.clock()}
        with self.bundle():
            number = self.insert("qos_table", stamp | {"name": name, "description": name} | row, "id = last_insert_id(id), deleted = 0")
            self.record_transaction(Action.ADD_QOS, name)
        return number

    def qos_id(self, name: str) -> int:
        """Id of a QOS by name."""
        return int(self.select("select id from qos_table where name = %s", (name,))[0]["id"])

    def modify_qos(self, name: str, **columns: Any) -> None:
        changes = self.with_tres_strings(columns)
        with self.bundle():
            self.update("qos_table", changes | {"mod_time": self.clock()}, "name = %s", (name,))
            self.record_transaction(Action.MODIFY_QOS, f"(name='{name}')", _assignments(changes))

    def add_account(
        self, name: str, parent: str = "root", *, organization: str = "", description: str = "", **limits: Any
    ) -> Association:
        """An account below `parent`: its acct_table row and its association on this cluster."""
        stamp = {"creation_time": self.clock(), "mod_time": self.clock()}
        texts = {"name": name, "description": description or name, "organization": organization or parent}
        with self.bundle():
            self.insert("acct_table", stamp | texts, "deleted = 0, mod_time = values(mod_time)")
            self.record_transaction(Action.ADD_ACCOUNTS, name)
            return self.add_assoc(name, parent=parent, **limits)

    def add_user(
        self, name: str, account: str, *, partition: str = "", admin_level: int = 1, default: bool | None = None, **limits: Any
    ) -> Association:
        """A user in an account; the first account on this cluster becomes the default one."""
        stamp = {"creation_time": self.clock(), "mod_time": self.clock()}
        with self.bundle():
            row = stamp | {"name": name, "admin_level": admin_level}
            self.insert("user_table", row, "deleted = 0, mod_time = values(mod_time)")
            if default is None:
                others = f"select 1 from {self.table(ASSOC)} where user = %s and is_def = 1 and deleted = 0"
                default = not self.select(others, (name,))
            self.record_transaction(Action.ADD_USERS, name)
            return self.add_assoc(account, name, partition, is_def=int(default), **limits)

    def add_assoc(self, account: str, user: str = "", partition: str = "", *, parent: str = "", **limits: Any) -> Association:
        """An association row; a removed one with the same names is taken back with its id."""
        above = self._row(account if user else parent)
        row = {"creation_time": self.clock(), "mod_time": self.clock(), "acct": account, "user": user, "partition": partition}
        row |= {"parent_acct": "" if user else parent} | self.with_tres_strings(limits)
        removed = f"select id_assoc from {self.table(ASSOC)} where user = %s and acct = %s and `partition` = %s"
        with self.bundle():
            if found := self.select(removed, (user, account, partition)):
                number = int(found[0]["id_assoc"])
                self.update(ASSOC, row | {"deleted": 0}, "id_assoc = %s", (number,))
            else:
                if self.has(ASSOC, "lft"):
                    row |= self._open_gap(above["lft"])
                if self.has(ASSOC, "id_parent"):
                    tail = f"0-{user}/" + (f"{partition}/" if partition else "") if user else f"{account}/"
                    row |= {"id_parent": above["id_assoc"], "lineage": above["lineage"] + tail}
                number = self.insert(ASSOC, row)
            self.record_transaction(Action.ADD_ASSOCIATIONS, f"id_assoc={number}", _assignments(row))
        return Association(number, account, user, partition)

    def association(self, account: str, user: str = "", partition: str = "") -> Association:
        """An existing association by its names."""
        return Association(int(self._row(account, user, partition)["id_assoc"]), account, user, partition)

    def modify_association(self, association: Association, **columns: Any) -> None:
        changes = self.with_tres_strings(columns)
        with self.bundle():
            self.update(ASSOC, changes | {"mod_time": self.clock()}, "id_assoc = %s", (association.id,))
            self.record_transaction(Action.MODIFY_ASSOCIATIONS, f"(id_assoc={association.id})", _assignments(changes))

    def remove_association(self, association: Association) -> None:
        """A soft delete: limits are reset, the row and its usage stay."""
        kept = ("max_tres_pj", "max_tres_pn", "max_tres_mins_pj", "max_tres_run_mins", "grp_tres", "grp_tres_mins", "grp_tres_run_mins")
        reset: dict[str, Any] = dict.fromkeys(kept, "") | {"qos": "", "delta_qos": "", "shares": 1, "is_def": 0}
        reset |= dict.fromkeys(("max_jobs", "max_submit_jobs", "max_wall_pj", "grp_jobs", "grp_submit_jobs", "grp_wall", "def_qos_id"))
        with self.bundle():
            self.update(ASSOC, reset | {"deleted": 1, "mod_time": self.clock()}, "id_assoc = %s", (association.id,))
            self.record_transaction(Action.REMOVE_ASSOCIATIONS, f"id_assoc={association.id}")

    def remove_user(self, name: str) -> None:
        """Soft delete of a user, their associations here and their coordinator rights."""
        with self.bundle():
            for row in self.select(f"select * from {self.table(ASSOC)} where user = %s and deleted = 0", (name,)):
                self.remove_association(Association(row["id_assoc"], row["acct"], row["user"], row["partition"]))
            self.update("user_table", {"deleted": 1, "mod_time": self.clock()}, "name = %s", (name,))
            self.update("acct_coord_table", {"deleted": 1, "mod_time": self.clock()}, "user = %s", (name,))
            self.record_transaction(Action.REMOVE_USERS, f"name='{name}'")

    def add_coordinator(self, account: str, user: str) -> None:
        stamp = {"creation_time": self.clock(), "mod_time": self.clock()}
        with self.bundle():
            self.insert("acct_coord_table", stamp | {"acct": account, "user": user}, "deleted = 0, mod_time = values(mod_time)")
            self.record_transaction(Action.ADD_COORDINATORS, user, account)

    def add_wckey(self, name: str, user: str, *, default: bool = False) -> int:
        """A workload characterisation key of a user; its id."""
        row = {"creation_time": self.clock(), "mod_time": self.clock(), "wckey_name": name, "user": user, "is_def": int(default)}
        with self.bundle():
            number = self.insert("%_wckey_table", row, "id_wckey = last_insert_id(id_wckey), deleted = 0")
            self.record_transaction(Action.ADD_WCKEYS, f"wckey='{name}',user='{user}'")
        return number

    def move_account(self, account: str, parent: str) -> None:
        """Hangs an account, with all below it, under another parent. That leaves no transaction."""
        row, above = self._row(account), self._row(parent)
        with self.bundle():
            self.update(ASSOC, {"parent_acct": parent, "mod_time": self.clock()}, "id_assoc = %s", (row["id_assoc"],))
            if self.has(ASSOC, "lineage"):
                self.update(ASSOC, {"id_parent": above["id_assoc"]}, "id_assoc = %s", (row["id_assoc"],))
                self.execute(
                    f"update {self.table(ASSOC)} set lineage = concat(%s, substr(lineage, %s)) where left(lineage, %s) = %s",
                    (above["lineage"] + account + "/", len(row["lineage"]) + 1, len(row["lineage"]), row["lineage"]),
                )
            if self._keeps_nested_set():
                self._renumber()

    def _row(self, account: str, user: str = "", partition: str = "") -> dict[str, Any]:
        sql = f"select * from {self.table(ASSOC)} where user = %s and acct = %s and `partition` = %s"
        found = self.select(sql, (user, account, partition))
        if not found:
            raise LookupError(f"no association of user {user!r} in account {account!r}, partition {partition!r}")
        return found[0]

    def _keeps_nested_set(self) -> bool:
        """lft and rgt are kept only for a slurmctld older than 23.11, the release that brought lineage."""
        return self.has(ASSOC, "lft") and not releases.at_least(self.controller_release, "23.11")

    def _open_gap(self, left: int) -> dict[str, int]:
        """Room for a new first child in the nested set; its numbers (0 and 0 where they are not kept)."""
        if not self._keeps_nested_set():
            return {"lft": 0, "rgt": 0}
        self.execute(f"update {self.table(ASSOC)} set rgt = rgt + 2 where rgt > %s", (left,))
        self.execute(f"update {self.table(ASSOC)} set lft = lft + 2 where lft > %s", (left,))
        return {"lft": left + 1, "rgt": left + 2}

    def _renumber(self) -> None:
        """Numbers the nested set anew from the parents."""
        rows = self.select(f"select id_assoc, user, acct, parent_acct from {self.table(ASSOC)} order by id_assoc")
        children: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["user"] or row["acct"] != "root":
                children.setdefault(row["acct"] if row["user"] else row["parent_acct"], []).append(row)

        def visit(row: dict[str, Any], left: int) -> int:
            right = left + 1
            for child in [] if row["user"] else children.get(row["acct"], []):
                right = visit(child, right) + 1
            self.update(ASSOC, {"lft": left, "rgt": right}, "id_assoc = %s", (row["id_assoc"],))
            return right

        visit(next(row for row in rows if row["acct"] == "root" and not row["user"]), 1)


def _assignments(row: dict[str, Any]) -> str:
    """Columns as slurmdbd notes them in a transaction's info."""
    return ", ".join(f"{name}='{value}'" if isinstance(value, str) else f"{name}={value}" for name, value in row.items())
