"""A server that folds the names of tables to lower case (lower_case_table_names=1), as Azure's and Windows' do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import RunOnce
from tests.integration.database import Accounting, query
from tests.integration.exporter import flags_for
from tests.integration.samples import check_text
from tests.support.mariadb import PrivateMariaDB

CLUSTER = "HPC-Prod"


@pytest.fixture(scope="module")
def folding() -> Iterator[Accounting]:
    with PrivateMariaDB(options=["lower_case_table_names = 1"]) as server:
        accounting = Accounting(server, CLUSTER)
        yield accounting
        accounting.close()


def test_a_cluster_with_capitals_is_read_as_any(folding: Accounting, once: RunOnce) -> None:
    writer = folding.writers[CLUSTER]
    job = writer.submit(writer.association("physics", "ada"), cpus=3)
    writer.start(job)
    tables = {row[0] for row in query(folding.server, "select table_name from information_schema.tables where table_schema = %s", (folding.server.database,))}
    assert "hpc-prod_job_table" in tables and "HPC-Prod_job_table" not in tables
    done = once(flags_for(folding.server, counter__settle="0s"))
    assert done.code == 0 and "WARN" not in done.log, done.log
    page = check_text(done.text)
    assert page.value("slurmdbd_jobs", cluster=CLUSTER, state="running", account="physics") == 1
    assert page.value("slurmdbd_exporter_missing_columns") == 0
    clusters = {dict(labels).get("cluster") for (_, labels) in page.values}
    assert clusters == {None, "all", CLUSTER}
    for collector in ("jobs", "users", "consumption", "outcomes", "quota", "usage", "cluster", "nodes", "reservations", "storage", "audit"):
        assert page.success(collector) == 1, collector
