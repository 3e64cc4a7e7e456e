"""Reading the dashboards' JSON as Grafana does: variables, their values in expressions, panels and what they ask."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboards"
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}")
LEGEND = re.compile(r"\{\{(\w+)\}\}")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Ask:
    """One expression of a dashboard. where: the panel's title and refId, or what else asks. instant: at one time only.

    labels: what the panel shows of its series' labels. beside: the first query of the table whose rows it joins.
    """

    board: str
    where: str
    expression: str
    instant: bool
    labels: tuple[str, ...] = ()
    beside: str = ""


def load(folder: Path = FOLDER) -> list[Json]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def panels(board: Json) -> Iterator[Json]:
    """All panels, those in collapsed rows too."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def asks(board: Json) -> Iterator[Ask]:
    """What panels and annotations ask. Variables' own queries: `values`."""
    for panel in panels(board):
        targets = panel.get("targets", ())
        shown = [name for step in panel.get("transformations", ()) for name in step["options"].get("renameByName", {})]
        for target in targets:
            labels = [name for name in shown if not name.startswith("Value")] or LEGEND.findall(target["legendFormat"])
            beside = targets[0]["expr"] if panel["type"] == "table" and target is not targets[0] else ""
            yield Ask(board["uid"], f"{panel['title']} {target['refId']}", target["expr"], target["instant"], tuple(labels), beside)
    for one in board["annotations"]["list"]:
        if "expr" in one:
            yield Ask(board["uid"], f"annotation {one['name']}", one["expr"], False)


def fill(text: str, values: dict[str, str]) -> str:
    """Variables replaced; one without a value is an error."""
    return VARIABLE.sub(lambda found: values[found[1] or found[2]], text)


def span(board: Json) -> int:
    """Seconds of the dashboard's time range."""
    number, unit = re.fullmatch(r"now-(\d+)([smhd])", board["time"]["from"]).groups()
    return int(number) * SECONDS[unit]


def settings(board: Json, ask: Callable[[str], list[str]], wished: dict[str, str], step: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Values of the variables, with a name: everything 'all' and everything 'single', for each choice of fixed values.

    ask: what a label_values() gives. wished: single values to prefer where the variable offers them. step: seconds between scrapes.
    """
    builtin = {"__rate_interval": f"{4 * step}s", "__interval": f"{step}s", "__range": f"{span(board)}s"}
    choices = [one for one in board["templating"]["list"] if one["type"] == "custom"]
    for picked in itertools.product(*([option["value"] for option in one["options"]] for one in choices)):
        fixed = {one["name"]: value for one, value in zip(choices, picked)}
        for kind in ("all", "single"):
            values = builtin | fixed
            for one in board["templating"]["list"]:
                if one["type"] != "query":
                    continue
                offered = ask(fill(one["query"]["query"], values))
                if not offered:
                    raise ValueError(f"{board['uid']}: variable {one['name']} has no values: {fill(one['query']['query'], values)}")
                wish = wished.get(one["name"])
                values[one["name"]] = one["allValue"] if kind == "all" else wish if wish in offered else offered[0]
            yield " ".join([kind, *picked]), values
