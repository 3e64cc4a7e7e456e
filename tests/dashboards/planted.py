"""Mistakes planted in a dashboard that only a real Prometheus, or drawing, can show: each must be found."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable

from tests.dashboards import boards, live, pictures
from tests.dashboards.boards import Json
from tests.dashboards.history import Past

WHERE = "slurmdbd-overview"
GRAPH, TABLE = "Cores busy", "Now"


def _panel(board: Json, title: str) -> Json:
    return next(one for one in board["panels"] if one["title"] == title)


def _ask(title: str, number: int, **values: str) -> Callable[[Json], Any]:
    return lambda board: _panel(board, title)["targets"][number].update(values)


def _variable(board: Json) -> None:
    board["templating"]["list"][1]["query"]["query"] = "label_values(slurmdbd_no_such, cluster)"


# What is done, and words of the fault it must give.
ASKED: tuple[tuple[Callable[[Json], Any], str], ...] = (
    (_ask(GRAPH, 0, expr="sum by (cluster) (slurmdbd_jobs_tress)"), "is empty"),
    (_ask(GRAPH, 0, expr="slurmdbd_jobs / on (cluster) slurmdbd_jobs"), "many"),
    (_ask(GRAPH, 0, legendFormat="{{partition}} {{queue}}"), "no series has the label"),
    (_ask(TABLE, 1, expr="sum by (cluster, qos) (slurmdbd_jobs)"), "cannot join"),
    (_variable, "has no values"),
)
DRAWN: tuple[tuple[Callable[[Json], Any], str], ...] = (
    (_ask(GRAPH, 0, expr="sum("), "parse error"),
    (_ask(GRAPH, 0, expr="slurmdbd_no_such"), "is empty"),
    (lambda board: _panel(board, GRAPH).update(type="piechart"), "cannot be drawn"),
    (lambda board: _panel(board, GRAPH)["fieldConfig"]["defaults"].update(noValue=None) or _ask(GRAPH, 0, expr="absent(up)")(board), "No data"),
)


def _copies(mistakes: tuple[tuple[Callable[[Json], Any], str], ...]) -> list[Json]:
    original = next(board for board in boards.load() if board["uid"] == WHERE)
    copies = []
    for number, (do, _) in enumerate(mistakes):
        copies.append(copy.deepcopy(original))
        copies[-1]["uid"] = f"planted-{number}"
        do(copies[-1])
    return copies


def missed(past: Past, folder: Path) -> list[str]:
    """Mistakes that were not found, a line each. folder: for their pictures."""
    found = [live.check(past, [board]) for board in _copies(ASKED)]
    drawn = pictures.draw(past, _copies(DRAWN), folder, [(1280, "dark")])
    found += [[fault for fault in drawn if fault.startswith(f"planted-{number}-")] for number in range(len(DRAWN))]
    wanted = [words for _, words in ASKED + DRAWN]
    unseen = [f"a planted mistake was not found: {words}" for words, faults in zip(wanted, found) if not any(words in fault for fault in faults)]
    print(f"planted: {len(wanted)} mistakes, {len(unseen)} missed")
    return unseen
