"""Clusters: which are measured, and how they come and go."""

from __future__ import annotations

import time

import pytest

from tests.integration.conftest import RunOnce
from tests.integration.database import Accounting, execute, run_jobs
from tests.integration.exporter import COLLECTORS, OPENMETRICS, Exporter, flags_for
from tests.integration.samples import check_openmetrics, check_text
from tests.support.mariadb import PrivateMariaDB

ODD_NAMES = ("my-cluster.1", "with space", "back`quo\"te's", "GrüßE", "123_", "a\\b")
STARTED = "slurmdbd_jobs_started_total"


def test_clusters_come_and_go(accounting: Accounting, serving: Exporter) -> None:
    run_jobs(accounting.writers["alpha"], 2)
    assert serving.wait_for(lambda page: page.total(STARTED) == 3, "three jobs").clusters() == {"alpha"}

    run_jobs(accounting.add_cluster("beta"), 1)
    page = serving.wait_for(lambda page: page.total(STARTED, cluster="beta") == 2, "the new cluster", 10)
    assert page.total(STARTED, cluster="alpha") == 3
    assert page.value("slurmdbd_exporter_cluster_success", cluster="beta") == 1

    execute(accounting.server, f"update {accounting.server.database}.cluster_table set deleted = 1 where name = 'alpha'")
    page = serving.wait_for(lambda page: "alpha" not in page.clusters(), "the deleted cluster to vanish", 10)
    assert page.clusters() == {"beta"}
    assert page.value("slurmdbd_exporter_cluster_success", cluster="alpha") is None

    execute(accounting.server, f"update {accounting.server.database}.cluster_table set deleted = 0 where name = 'alpha'")
    page = serving.wait_for(lambda page: page.total(STARTED, cluster="alpha") == 3, "the cluster to come back", 10)
    assert page.total(STARTED, cluster="beta") == 2
    assert page.success() == 1
    assert not page.errors(), serving.tail()


def test_the_last_cluster_goes(accounting: Accounting, serving: Exporter) -> None:
    execute(accounting.server, f"update {accounting.server.database}.cluster_table set deleted = 1")
    page = serving.wait_for(lambda page: not page.label_values("cluster", "slurmdbd_exporter_cluster_success"), "no cluster")
    assert (page.success(), page.value("slurmdbd_up")) == (1, 1)
    assert not page.errors()


@pytest.fixture(scope="module")
def three(server: PrivateMariaDB) -> Accounting:
    """Three clusters whose jobs have the same ids, submitted at the same second."""
    accounting = Accounting(server, "alpha", "beta", "gamma")
    for number, writer in enumerate(accounting.writers.values(), 1):
        run_jobs(writer, number, seconds=100 * number)
    ids = [{job.id for job in writer.open_jobs()} for writer in accounting.writers.values()]
    assert ids == [{2}, {3}, {4}]
    return accounting


def test_clusters_share_job_ids(three: Accounting, once: RunOnce) -> None:
    page = once(flags_for(three.server)).samples
    for number, cluster in enumerate(three.writers, 1):
        assert page.total("slurmdbd_jobs_ended_total", cluster=cluster, state="completed") == number
        assert page.total(STARTED, cluster=cluster) == number + 1
        assert page.total("slurmdbd_jobs", cluster=cluster, state="running") == 1
        # The running one has used two CPUs for 40 seconds and what the test has taken since.
        used = page.total("slurmdbd_account_tres_seconds_total", cluster=cluster, tres="cpu") - number * number * 100
        assert 80 <= used < 200


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ({"cluster-include": "alpha"}, {"alpha"}),
        ({"cluster-include": "alpha|gamma"}, {"alpha", "gamma"}),
        ({"cluster-include": "alph"}, set()),  # the whole name must match
        ({"cluster-include": ".*a"}, {"alpha", "beta", "gamma"}),
        ({"cluster-exclude": "beta"}, {"alpha", "gamma"}),
        ({"cluster-include": "alpha|beta", "cluster-exclude": "alpha"}, {"beta"}),
        ({"cluster-exclude": ".*"}, set()),
    ],
    ids=str,
)
def test_the_choice_of_clusters(three: Accounting, once: RunOnce, choice: dict[str, str], chosen: set[str]) -> None:
    page = once(flags_for(three.server) | choice)
    assert page.code == 0, page.log
    assert page.samples.clusters() == chosen


def test_a_cluster_left_out_is_not_even_looked_at(three: Accounting, once: RunOnce) -> None:
    name = f"{three.server.database}.beta_job_table"
    execute(three.server, f"rename table {name} to {three.server.database}.away")
    try:
        assert once(flags_for(three.server)).code == 1
        assert once(flags_for(three.server) | {"cluster-exclude": "beta"}).code == 0
    finally:
        execute(three.server, f"rename table {three.server.database}.away to {name}")


def test_odd_names(server: PrivateMariaDB, start) -> None:
    accounting = Accounting(server, ODD_NAMES[0])
    run_jobs(accounting.writers[ODD_NAMES[0]], 1)
    for number, name in enumerate(ODD_NAMES[1:], 2):
        run_jobs(accounting.add_cluster(name), number)
    exporter = start(flags_for(server))
    page = exporter.wait_for(lambda page: len(page.clusters()) == len(ODD_NAMES), "all clusters")
    assert page.success() == 1, exporter.tail()
    assert page.clusters() == set(ODD_NAMES)
    for number, name in enumerate(ODD_NAMES, 1):
        assert page.total(STARTED, cluster=name) == number + 1
    check_text(exporter.fetch()[1])
    check_openmetrics(exporter.fetch(OPENMETRICS)[1])
    accounting.close()


def test_a_cluster_stays_told_between_the_collectors_polls(accounting: Accounting, start) -> None:
    """Collectors may be read less often than the poll comes round; what is known of the clusters stays."""
    exporter = start(flags_for(accounting.server) | {f"collector.{name}.interval": "10s" for name in COLLECTORS})
    success = "slurmdbd_exporter_cluster_success"
    exporter.wait_for(lambda page: page.value(success, cluster="alpha") == 1, "the first poll")
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        assert exporter.page().value(success, cluster="alpha") == 1
        time.sleep(0.1)
