"""The dashboards without a Prometheus: up to date with their sources, right by Grafana's own types and by our rules; and each rule
seen to notice what it is for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable

import pytest

from dashboards import generate
from tests.dashboards import boards, static_rules
from tests.dashboards.boards import Json

ALL = {f"{board['uid']}.json": board for board in boards.load()}
ACCOUNTS, OVERVIEW = "slurmdbd-accounts.json", "slurmdbd-overview.json"


def panel(board: Json, kind: str) -> Json:
    """The first of that type."""
    return next(one for one in board["panels"] if one["type"] == kind)


def defaults(board: Json, kind: str) -> Json:
    return panel(board, kind)["fieldConfig"]["defaults"]


def variable(board: Json, name: str) -> Json:
    return next(one for one in board["templating"]["list"] if one["name"] == name)


def ask(board: Json, expression: str) -> None:
    panel(board, "timeseries")["targets"][0]["expr"] = expression



# What is done to a dashboard, and words of the fault it must give.
MISTAKES: dict[str, tuple[Callable[[Json], Any], str]] = {
    "a field of the dashboard that Grafana does not know": (lambda b: b.update(timeZone="utc"), "timeZone"),
    "a panel type that was removed": (lambda b: panel(b, "timeseries").update(type="graph"), "type graph"),
    "an option that the panel has not": (lambda b: panel(b, "stat")["options"].update(colourMode="value"), "colourMode"),
    "a wrong value of an option": (lambda b: panel(b, "stat")["options"].update(colorMode="rainbow"), "colorMode"),
    "a wrong type": (lambda b: defaults(b, "timeseries").update(min="0"), "/min"),
    "a wrong line style": (lambda b: defaults(b, "timeseries")["custom"].update(drawStyle="crayon"), "drawStyle"),
    "a unit that is none": (lambda b: defaults(b, "stat").update(unit="percentunits"), "percentunits"),
    "no unit": (lambda b: defaults(b, "timeseries").pop("unit"), "no unit"),
    "a calculation that is none": (lambda b: panel(b, "stat")["options"]["reduceOptions"].update(calcs=["latest"]), "latest"),
    "a transformation that is none": (lambda b: panel(b, "table")["transformations"][0].update(id="mergeAll"), "mergeAll"),
    "a matcher that is none": (lambda b: panel(b, "table")["fieldConfig"]["overrides"][0]["matcher"].update(id="byTitle"), "byTitle"),
    "a property that is none": (
        lambda b: panel(b, "table")["fieldConfig"]["overrides"][0]["properties"].append({"id": "units", "value": "s"}),
        "no property is called units",
    ),
    "a column that is not there": (lambda b: panel(b, "table")["fieldConfig"]["overrides"][0]["matcher"].update(options="Klusta"), "Klusta"),
    "a format of the query that is none": (lambda b: panel(b, "table")["targets"][0].update(format="tabular"), "format"),
    "broken PromQL": (lambda b: ask(b, 'sum(slurmdbd_jobs{cluster=~"$cluster"}'), "no PromQL"),
    "a metric that is none": (lambda b: ask(b, 'sum(slurmdbd_job{cluster=~"$cluster"})'), "slurmdbd_job"),
    "a label that the metric has not": (lambda b: ask(b, 'sum(slurmdbd_jobs{cluster=~"$cluster",user="x"})'), "no label user"),
    "a recorded name that no rule makes": (lambda b: ask(b, "quota:slurmdbd_quota_used:max"), "quota:slurmdbd_quota_used:max"),
    "a counter as it stands": (lambda b: ask(b, 'sum(slurmdbd_jobs_started_total{cluster=~"$cluster"})'), "outside rate()"),
    "a rate over a fixed time": (lambda b: ask(b, "sum(rate(slurmdbd_jobs_started_total[5m]))"), "$__rate_interval"),
    "a variable that is not declared": (lambda b: ask(b, 'sum(slurmdbd_jobs{partition=~"$queue"})'), "queue is used but not declared"),
    "a variable that nothing uses": (
        lambda b: b["templating"]["list"].append({**copy.deepcopy(variable(b, "cluster")), "name": "spare"}),
        "spare is declared but not used",
    ),
    "a variable that is read once only": (lambda b: variable(b, "cluster").update(refresh=1), "not read again"),
    "a variable of a metric that is none": (
        lambda b: variable(b, "cluster")["query"].update(query="label_values(slurmdbd_clusters, cluster)"),
        "slurmdbd_clusters",
    ),
    "a fixed data source": (lambda b: panel(b, "stat")["datasource"].update(uid="PBFA97CFB590B2093"), "data source"),
    "an id used twice": (lambda b: b["panels"][1].update(id=b["panels"][0]["id"]), "used twice"),
    "a refId used twice": (lambda b: panel(b, "table")["targets"][1].update(refId="A"), "refId A"),
    "panels that overlap": (lambda b: b["panels"][1]["gridPos"].update(x=0), "overlap"),
    "a panel beyond the grid": (lambda b: b["panels"][0]["gridPos"].update(w=25), "leaves the grid"),
    "no description": (lambda b: panel(b, "stat").update(description=""), "no description"),
    "nothing asked": (lambda b: panel(b, "stat").update(targets=[]), "asks nothing"),
    "a link to nowhere": (lambda b: defaults(b, "stat")["links"][0].update(url="/d/slurmdbd-nowhere?x=y"), "leads nowhere"),
    "a dashboard that people can edit, and lose": (lambda b: b.update(editable=True), "editable"),
    "a uid that another dashboard has": (lambda b: b.update(uid="slurmdbd-users"), "used 2 times"),
    "an exported data source": (lambda b: b.update(__inputs=[]), "__inputs"),
}


def test_the_json_is_what_the_sources_say() -> None:
    assert generate.stale() == []


def test_an_edited_json_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = generate.generated()
    for path, page in pages.items():
        (tmp_path / path.name).write_text(page)
    name = next(iter(pages)).name
    (tmp_path / name).write_text((tmp_path / name).read_text().replace("Slurm", "slurm", 1))
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.stale() == [name]


def test_no_dashboard_has_a_fault(tmp_path: Path) -> None:
    assert {name: found for name, found in static_rules.faults(ALL, tmp_path).items() if found} == {}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The faults of each mistake's dashboard, made in a copy of the overview; all are checked in one go."""
    copies: dict[str, Json] = {}
    for number, (do, _) in enumerate(MISTAKES.values()):
        board = copy.deepcopy(ALL[OVERVIEW])
        board["uid"] = f"planted-{number}"
        do(board)
        copies[f"planted-{number}.json"] = board
    found = static_rules.faults(ALL | copies, tmp_path_factory.mktemp("planted"))
    return {name: found[f"planted-{number}.json"] for number, name in enumerate(MISTAKES)}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake: str, planted: dict[str, list[str]]) -> None:
    words = MISTAKES[mistake][1]
    assert any(words in fault for fault in planted[mistake]), planted[mistake]
