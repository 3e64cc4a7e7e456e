"""The same history gives the same page in every release of Slurm."""

from __future__ import annotations

import pytest

from tests.integration import history
from tests.integration.conftest import RunOnce
from tests.integration.exporter import Once
from tests.integration.releases import BULK, Released
from tests.integration.capacity_judge import DAY, HOUR, LIVE, MB, away, reserved, series, shown
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
    if not at_least(release, "24.11"):  # roll-ups by QOS came with it, and seff's last formula
        apart += ("slurmdbd_qos_usage", "slurmdbd_job_memory_efficiency", "slurmdbd_account_memory")
    theirs = Samples({key: value for key, value in theirs.values.items() if not key[0].startswith(apart)})
    here = Samples({key: value for key, value in here.values.items() if not key[0].startswith(apart)})
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


@pytest.mark.parametrize("release", RELEASES)
def test_memory_efficiency_is_that_of_the_release(released: dict[str, Released], once: RunOnce, release: str) -> None:
    """The formula of the release's own seff is found, and all three give other numbers."""

    def shares(**flags: object) -> tuple[float, float]:
        page = once(released[release].flags | history.FLAGS | {name.replace("_", "."): value for name, value in flags.items()}).samples
        return page.total("slurmdbd_job_memory_efficiency_ratio_sum"), page.total("slurmdbd_job_memory_efficiency_ratio_count")

    formulas = {name: shares(efficiency_memory=name) for name in ("requested", "allocated", "total")}
    assert len(set(formulas.values())) == 3, formulas
    assert min(count for _, count in formulas.values()) > 10
    meant = "total" if at_least(release, "24.11") else "allocated" if at_least(release, "23.02") else "requested"
    assert shares() == formulas[meant]


def test_the_cluster_of_the_history(released: dict[str, Released], once: RunOnce) -> None:
    page = once(released["21.08"].flags | history.FLAGS).samples
    assert page.value("slurmdbd_cluster_tres", tres="node") == 5
    assert page.value("slurmdbd_cluster_tres_since_timestamp_seconds") == history.MIDNIGHT + 7 * HOUR
    # n2 and n3 for the whole hour, n5 for its last minute.
    assert page.value(LIVE, tres="cpu", kind="down") == 2 * 16 * HOUR + 16 * 60


def test_nodes_of_the_history(released: dict[str, Released], once: RunOnce) -> None:
    page = once(released["20.11"].flags | history.FLAGS).samples
    assert away(page) == {
        "n2": ("drained", 'bad "disk"', history.MIDNIGHT + 5 * HOUR),
        "n3": ("down", "Not responding", history.MIDNIGHT - 100 * DAY),
        "n5": ("drained", "kernel", history.END - 60),
    }
    assert page.value("slurmdbd_nodes_unavailable", state="drained") == 2
    assert page.value("slurmdbd_nodes_unavailable", state="down") == 1
    setters = {have["node"]: have["set_by"] for have, _ in page.matching("slurmdbd_node_unavailable_info")}
    assert setters == {"n2": "1000", "n3": "0", "n5": "1000"}
    lost = "slurmdbd_nodes_unavailable_seconds"
    today = history.END - history.MIDNIGHT
    assert page.value(lost, state="down", period="day") == 600 + 900 + today
    assert page.value(lost, state="drained", period="day") == (today - 5 * HOUR - 900) + HOUR + 60
    assert page.value(lost, state="down", period="last_day") == 3600 + DAY
    assert page.value(lost, state="down", period="last_month") == 31 * DAY


def test_reservations_of_the_history(released: dict[str, Released], once: RunOnce) -> None:
    page = once(released["20.11"].flags | history.FLAGS).samples
    midnight = history.MIDNIGHT
    shown_ones = reserved(page)
    assert {name: times[:2] for name, times in shown_ones.items()} == {
        "course": (midnight + 9 * HOUR, history.END + HOUR),
        "nightly": (midnight + DAY + HOUR, midnight + DAY + 2 * HOUR),
        "standing": (midnight - 30 * DAY, history.END + 5000 * DAY),
    }
    assert shown_ones["nightly"][2] is None
    held, used = "slurmdbd_reservation_tres", "slurmdbd_reservation_used_tres_seconds"
    assert shown(page, held, "reservation", "tres") == {
        ("course", "cpu"): 32, ("course", "mem"): 64_000 * MB, ("course", "node"): 2,
        ("nightly", "cpu"): 80, ("standing", "cpu"): 2, ("standing", "license/solver"): 5,
    }  # fmt: skip
    assert shown(page, used, "reservation", "tres") == {
        ("course", "cpu"): 8 * 2 * HOUR, ("course", "mem"): 1000 * 2 * HOUR * MB, ("course", "node"): 2 * HOUR, ("course", "billing"): 8 * 2 * HOUR,
        ("standing", "cpu"): 2 * HOUR, ("standing", "mem"): 1000 * HOUR * MB, ("standing", "node"): HOUR, ("standing", "billing"): 2 * HOUR,
    }  # fmt: skip
    assert page.value(used, reservation="standing", tres="license/solver") == 0
    flags = {have["reservation"]: (have["nodes"], have["flags"]) for have in series(page, "slurmdbd_reservation_info")}
    assert flags == {"course": ("n[1-2]", ""), "nightly": ("n[1-5]", "MAINT,DAILY"), "standing": ("", "IGNORE_JOBS")}
