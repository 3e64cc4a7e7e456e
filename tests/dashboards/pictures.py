"""Draws every dashboard with Grafana's UI components in headless Chromium: no error, and data in every panel, unless EMPTY says why not.

This is not Grafana: how core panels hand their options to the components, the Prometheus data source, and variables are ours.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.dashboards import boards
from tests.dashboards.history import Past
from tests.dashboards.live import EMPTY, SINGLE, label_values, matches
from tests.e2e.servers import ServerError

SCRIPT = Path(__file__).parent / "pictures/draw.mjs"
# What is chosen on the pictures, where it is not All.
CHOSEN: dict[str, dict[str, str]] = {"slurmdbd-users": {"user": "chen"}}


def draw(past: Past, dashboards: list[boards.Json], folder: Path, looks: list[tuple[int, str]]) -> list[str]:
    """Faults, a line each; a PNG for each dashboard and look (width in pixels, dark or light)."""
    jobs = [_job(past, board, width, theme) for board in dashboards for width, theme in looks]
    folder.mkdir(parents=True, exist_ok=True)
    order = folder / "jobs.json"
    order.write_text(json.dumps({"prometheus": past.url, "jobs": jobs}))
    done = subprocess.run(["node", SCRIPT, order, folder], capture_output=True, text=True)
    if done.returncode:
        raise ServerError(f"draw.mjs: {done.stderr[-3000:]}")
    faults = []
    for name, found in json.loads(done.stdout).items():
        faults += [f"{name}: {fault}" for fault in found["faults"]]
        uid = name.rsplit("-", 2)[0]
        allowed = [(where, how) for board, where, how, _ in EMPTY if matches((board,), (uid,))]
        faults += [
            f'{name}: panel "{title}" is empty'
            for title in found["empty"]
            if not any(matches((where,), (f"{title} A",)) and matches((how,), ("all cpu month",)) for where, how in allowed)
        ]
    print(f"pictures: {len(jobs)} drawn in {folder}, {len(faults)} faults")
    return faults


def _job(past: Past, board: boards.Json, width: int, theme: str) -> dict[str, Any]:
    wished = CHOSEN.get(board["uid"], {})
    _, values = next(boards.settings(board, lambda text: label_values(past, text), SINGLE, past.step))
    values |= wished
    shown = {one["name"]: wished.get(one["name"], "All") for one in board["templating"]["list"]}
    shown |= {one["name"]: one["current"]["text"] for one in board["templating"]["list"] if one["type"] == "custom"}
    span = min(boards.span(board), past.end - past.start)
    look = {"name": f"{board['uid']}-{width}-{theme}", "width": width, "theme": theme}
    return look | {"board": board, "values": values, "shown": shown, "from": past.end - span, "to": past.end, "step": past.step}
