"""The same history gives the same page in every release of Slurm."""

from __future__ import annotations

import pytest

from tests.integration import history
from tests.integration.conftest import RunOnce
from tests.integration.exporter import Once
from tests.integration.releases import BULK, Released
from tests.integration.samples import Samples, check_text, differences
from tests.support.releases import RELEASES, at_least


def page_of(released: Released, once: RunOnce) -> Once:
    page = once(released.flags | history.FLAGS)
    assert page.code == 0, page.log
    return page


@pytest.fixture(scope="module")
def newest(released: dict[str, Released]) -> dict[str, Samples]:
    """The page of the newest release, once it has been read."""
    return {}


@pytest.mark.parametrize("release", RELEASES)
def test_the_same_page(released: dict[str, Released], once: RunOnce, newest: dict[str, Samples], release: str) -> None:
    if not newest:
        newest[""] = page_of(released[RELEASES[-1]], once).samples
    page = page_of(released[release], once)
    here = check_text(page.text)
    theirs = newest[""]
    apart = ("slurmdbd_cluster_info",)  # it names the release
    if not at_least(release, "24.11"):  # roll-ups by QOS came with it
        apart += ("slurmdbd_qos_usage",)
    theirs = Samples({key: value for key, value in theirs.values.items() if not key[0].startswith(apart)})
    here = Samples({key: value for key, value in here.values.items() if not key[0].startswith("slurmdbd_cluster_info")})
    assert differences(here, theirs) == []
    assert page.samples.value("slurmdbd_cluster_info", version=release) == 1
    assert here.value("slurmdbd_exporter_missing_columns") == 0
    assert "WARN" not in page.log and "ERROR" not in page.log


def test_the_page_has_it_all(released: dict[str, Released], once: RunOnce) -> None:
    """What is compared is not empty, and some of it is known by heart."""
    page = page_of(released["20.11"], once).samples
    ended = "slurmdbd_jobs_ended_total"
    states = set(
        "completed failed timeout node_fail preempted boot_fail deadline out_of_memory requeued cancelled resizing revoked".split()
    )
    assert {state for state in states if page.total(ended, state=state)} == states
    # One every 800 seconds, from the end backwards: those within 12 hours.
    assert page.total(ended, partition="bulk") == 12 * 3600 // 800 < BULK
    used = "slurmdbd_account_tres_seconds_total"
    assert page.value(used, partition="bulk", tres="cpu") == 500 * (12 * 3600 // 800)
    assert page.total("slurmdbd_jobs", state="suspended") == 1
    assert page.total("slurmdbd_jobs", state="running") == 4
    assert page.total("slurmdbd_jobs", state="pending", account="chemistry") == 5 + 2
    assert page.value("slurmdbd_account_energy_joules_total", account="physics") == 123_456 + 2000 + 4000 + 6000 + 8000
    assert page.value(used, account="chemistry", partition="gpu", tres="gres/gpu:a100") == 200
