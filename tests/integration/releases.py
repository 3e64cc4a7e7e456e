"""A database for each release of Slurm, all with the same history, side by side on one server."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration import history
from tests.integration.database import CAPACITY, execute
from tests.integration.exporter import flags_for
from tests.support import schema
from tests.support.accounting import SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB
from tests.support.releases import RELEASES
from tests.support.session import ManualClock

BULK = 3000  # further jobs, so that the server has something to choose indexes by


@dataclass(frozen=True)
class Released:
    """The database of one release."""

    release: str
    database: str
    writer: SlurmdbdWriter
    clock: ManualClock
    server: PrivateMariaDB

    @property
    def flags(self) -> dict[str, object]:
        return flags_for(self.server, database__name=self.database, counter__epoch=history.EPOCH)


def create(server: PrivateMariaDB) -> dict[str, Released]:
    """The databases of all releases."""
    made: dict[str, Released] = {}
    for release in RELEASES:
        database = "release_" + release.replace(".", "_")
        execute(server, f"create database {database}")
        for host in ("localhost", "127.0.0.1"):
            execute(server, f"grant all on {database}.* to slurm@'{host}'", f"grant select on {database}.* to slurmdbd_exporter@'{host}'")
        connection = server.connect(database=database)
        schema.create_database(connection, release)
        schema.create_cluster(connection, release, "alpha")
        clock = ManualClock(history.MIDNIGHT - 86_400)
        writer = SlurmdbdWriter(connection, release, "alpha", clock)
        writer.register_cluster(CAPACITY)
        for account, user in (("physics", "ada"), ("chemistry", "marie")):
            writer.add_account(account)
            writer.add_user(user, account)
        history.write(writer, clock)
        history.bulk(writer, BULK)
        execute(server, f"analyze table {database}.alpha_job_table, {database}.alpha_suspend_table, {database}.alpha_step_table")
        made[release] = Released(release, database, writer, clock, server)
    return made


def drop(made: dict[str, Released]) -> None:
    for one in made.values():
        one.writer.connection.close()
        execute(one.server, f"drop database {one.database}")
