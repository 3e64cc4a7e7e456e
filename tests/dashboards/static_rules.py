"""What makes a dashboard right beyond Grafana's own types, and the check of those types: `faults` of some dashboards.

Needs what tests/dashboards/package-lock.json names (npm ci), and promtool.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Iterator, Mapping

import yaml

from dashboards.sources.metrics import documented, labels_of
from tests.dashboards.boards import ROOT, VARIABLE, Json, asks, fill, panels

HERE = Path(__file__).parent
MADE = ROOT / "build/dashboards/types"
BUILTIN = {"__rate_interval": "5m", "__interval": "1m", "__range": "1d", "__url_time_range": "", "__data": "", "__field": ""}
WITH_DATA = ("stat", "timeseries", "bargauge", "table")
MATCHERS = re.compile(r"([a-zA-Z_:][\w:]*)\{([^{}]*)\}")
NAMES = re.compile(r"(?<![\w:$.])(?:slurmdbd_\w+|process_\w+|\w+:\w[\w:]*|ALERTS|up)(?![\w:]|\s*\()")
TARGET_LABELS = {"job", "instance"}
LINK = re.compile(r"/d/([\w-]+)\?(.*)")


def faults(boards: Mapping[str, Json], scratch: Path) -> dict[str, list[str]]:
    """Each file name's faults. scratch: an empty folder."""
    found: dict[str, list[str]] = {name: [] for name in boards}
    by_uid = {board["uid"]: board for board in boards.values()}
    for name, board in boards.items():
        found[name] += _dashboard(name, board)
        found[name] += _grid(board)
        found[name] += _variables(board)
        for panel in panels(board):
            found[name] += [f'panel "{panel["title"]}": {fault}' for fault in _panel(panel, by_uid)]
        for one in asks(board):
            found[name] += [f"{one.where}: {fault}" for fault in _expression(one.expression)]
    uses = Counter(board["uid"] for board in boards.values())
    for name, board in boards.items():
        if uses[board["uid"]] > 1:
            found[name].append(f"uid {board['uid']} is used {uses[board['uid']]} times")
    for name, more in _promtool(boards, scratch).items():
        found[name] += more
    for name, more in _types(boards, scratch).items():
        found[name] += more
    return found


def _dashboard(name: str, board: Json) -> Iterator[str]:
    expected = {"id": None, "editable": False, "schemaVersion": 39}
    yield from (f"{key} is {board.get(key)}" for key, value in expected.items() if board.get(key, "missing") != value)
    if not re.fullmatch(r"[a-z0-9-]{1,40}", board["uid"]):
        yield f"uid {board['uid']} is no short name"
    if Path(name).stem != board["uid"]:
        yield f"its uid is {board['uid']}"
    if not board.get("title") or not board.get("description"):
        yield "no title, or no description"
    yield from (f"exported {key} left in it" for key in ("__inputs", "__requires", "gnetId", "iteration") if key in board)
    yield from (f"panel id {one} is used twice" for one, count in Counter(panel["id"] for panel in panels(board)).items() if count > 1)


def _grid(board: Json) -> Iterator[str]:
    places = [(panel["title"], panel["gridPos"]) for panel in board["panels"]]
    for title, at in places:
        if at["x"] < 0 or at["y"] < 0 or at["w"] < 1 or at["h"] < 1 or at["x"] + at["w"] > 24:
            yield f'panel "{title}" leaves the grid'
    for (one, a), (other, b) in combinations(places, 2):
        if a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]:
            yield f'panels "{one}" and "{other}" overlap'


def _variables(board: Json) -> Iterator[str]:
    variables = board["templating"]["list"]
    declared = [one["name"] for one in variables]
    if [(one["name"], one["query"]) for one in variables if one["type"] == "datasource"] != [("datasource", "prometheus")]:
        yield "it has no variable datasource of type prometheus, or another one"
    yield from (f"variable {name} is declared twice" for name, count in Counter(declared).items() if count > 1)
    text = json.dumps({key: value for key, value in board.items() if key != "templating"})
    used = {one or other for one, other in VARIABLE.findall(text)}
    used |= {one or other for variable in variables for one, other in VARIABLE.findall(json.dumps([variable["query"], variable.get("datasource")]))}
    yield from (f"variable {name} is used but not declared" for name in used - set(declared) - set(BUILTIN))
    yield from (f"variable {name} is declared but not used" for name in set(declared) - used)
    for place, one in enumerate(variables):
        if one["type"] != "query":
            continue
        asked = one["query"]["query"]
        if one["refresh"] != 2:
            yield f"variable {one['name']} is not read again when the time range changes"
        if one["datasource"]["uid"] != "${datasource}":
            yield f"variable {one['name']} has a fixed data source"
        if not re.fullmatch(r"label_values\(.+, \w+\)", asked):
            yield f"variable {one['name']} asks {asked}"
        earlier = set(declared[:place])
        yield from (f"variable {one['name']} asks for a later one" for name in VARIABLE.findall(asked) if (name[0] or name[1]) not in earlier)
        yield from (f"variable {one['name']}: {fault}" for fault in _names(asked))


def _panel(panel: Json, boards: Mapping[str, Json]) -> Iterator[str]:
    if panel["type"] not in WITH_DATA:
        return
    if not panel["title"] or len(panel.get("description", "")) < 15:
        yield "no title, or no description"
    if not panel.get("targets"):
        yield "asks nothing"
    sources = [panel["datasource"], *(target.get("datasource", {}) for target in panel["targets"])]
    if any(source != {"type": "prometheus", "uid": "${datasource}"} for source in sources):
        yield "has a data source that is not ${datasource}"
    yield from (f"refId {name} is used twice" for name, count in Counter(target["refId"] for target in panel["targets"]).items() if count > 1)
    yield from (f"query {target['refId']} has no min step" for target in panel["targets"] if not target.get("interval"))
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] != "table" and not defaults.get("unit"):
        yield "no unit"
    if not defaults.get("noValue"):
        yield "does not say what an empty answer means"
    columns = {name for step in panel.get("transformations", ()) for name in step["options"].get("renameByName", {}).values()}
    if panel["type"] == "table":
        named = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"] if one["matcher"]["id"] == "byName"]
        named += [one["field"] for step in panel.get("transformations", ()) if step["id"] == "sortBy" for one in step["options"]["sort"]]
        yield from (f"no column is called {name}" for name in named if name not in columns)
    links = [*defaults.get("links", ()), *(link for one in panel["fieldConfig"]["overrides"] for p in one["properties"] if p["id"] == "links" for link in p["value"])]
    for one in links:
        found = LINK.fullmatch(one["url"])
        if not found or found[1] not in boards:
            yield f"a link leads nowhere: {one['url']}"
            continue
        there = {variable["name"] for variable in boards[found[1]]["templating"]["list"]}
        yield from (f"a link sets {name}, which {found[1]} has not" for name in re.findall(r"var-(\w+)=", found[2]) if name not in there)
        yield from (f"a link reads the column {name}, which is not there" for name in re.findall(r"__data\.fields\.(\w+)", found[2]) if name not in columns)


def _expression(text: str) -> Iterator[str]:
    if re.search(r"\b(rate|irate)\((?:[^()\[\]]|\([^()]*\))*\[(?!\$__rate_interval\])", text):
        yield "rate() over something else than $__rate_interval"
    for found in re.finditer(r"(\w+)_total\b", text):
        before = text[: found.start()]
        if re.search(r'"[^"]*$', before) and before.count('"') % 2:
            continue
        # What it was, or when it began, says something of a counter; what it is does not.
        past = re.search(r"\bmin_over_time\($", before) or re.match(r"(\{[^{}]*\})? offset ", text[found.end() :])
        if not past and not re.search(r"\b(rate|irate|increase)\($", before):
            yield f"the counter {found[0]} outside rate() and increase()"
    yield from _names(text)


def _names(text: str) -> Iterator[str]:
    """Metrics and labels that nobody makes."""
    recorded = _recorded()
    bare = re.sub(r'"[^"]*"', '""', text)
    for name in set(NAMES.findall(re.sub(r"\b(by|on|without|group_left|ignoring) \([^)]*\)", "", bare))):
        metric = re.sub(r"_bucket$", "", name)
        if name.startswith("slurmdbd_") and not documented(metric) or ":" in name and name not in recorded:
            yield f"no metric is called {name}"
    for name, inside in MATCHERS.findall(bare):
        metric = re.sub(r"_bucket$", "", name)
        if documented(metric):
            known = {*labels_of(metric), *TARGET_LABELS, *(["le"] if metric != name else [])}
            yield from (f"{name} has no label {label}" for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside) if label not in known)


@cache
def _recorded() -> set[str]:
    """Names that the shipped rules record."""
    files = (ROOT / "deploy/prometheus/rules").glob("*.yml")
    return {rule["record"] for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"] if "record" in rule}


def _promtool(boards: Mapping[str, Json], scratch: Path) -> dict[str, list[str]]:
    """Expressions that are not PromQL."""
    found: dict[str, list[str]] = {}
    for name, board in boards.items():
        values = BUILTIN | {one["name"]: "x" for one in board["templating"]["list"]}
        rules = []
        for one in asks(board):
            try:
                rules.append({"record": "x:x", "expr": fill(one.expression, values), "labels": {"place": f"{len(rules)}"}})
            except KeyError:
                continue  # an undeclared variable is a fault of its own
        file = scratch / f"{name}.rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
        done = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True)
        if done.returncode:
            found[name] = [f"no PromQL: {line.strip()}" for line in (done.stdout + done.stderr).splitlines() if "could not parse" in line]
            assert found[name], done.stdout + done.stderr
    return found


def _types(boards: Mapping[str, Json], scratch: Path) -> dict[str, list[str]]:
    """What Grafana's own types and registries say."""
    files = []
    for name, board in boards.items():
        files.append(scratch / name)
        files[-1].write_text(json.dumps(board))
    done = subprocess.run(["node", HERE / "static/check.mjs", MADE, *files], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"check.mjs: {done.stderr[-3000:]}")
    return json.loads(done.stdout)
