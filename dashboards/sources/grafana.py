"""Grafana's classic dashboard JSON, as much of it as the dashboards here need. Functions return the JSON's objects.

A panel is described by what it shows; ids, places and what is the same everywhere are added by `board`. Only panel types that the
checks can draw are here: timeseries, stat, bargauge, table, text, row.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Sequence

Json = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
MIN_STEP = "1m"  # the exporter's poll.interval
GREEN, ORANGE, RED, BLUE, GREY, PURPLE = "green", "orange", "red", "blue", "#8e8e8e", "purple"


# -- what a panel asks

def query(expression: str, legend: str = "", *, instant: bool = False, table: bool = False) -> Json:
    """table: one row a series, its labels as columns, at the end of the time range."""
    return {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expression,
        "format": "table" if table else "time_series",
        "instant": instant or table,
        "range": not (instant or table),
        "interval": MIN_STEP,
        "legendFormat": legend or "__auto",
    }


# -- how values look

def steps(*limits: tuple[float, str], base: str = GREEN) -> Json:
    """Thresholds: `base` below the first limit."""
    return {"mode": "absolute", "steps": [{"color": base, "value": None}, *({"color": c, "value": v} for v, c in limits)]}


def words(**texts: tuple[str, str]) -> list[Json]:
    """Value mappings: words(v0=("Down", RED)) shows 0 as Down."""
    options = {re.sub(r"^v(?=\d)", "", value): {"text": text, "color": color, "index": i} for i, (value, (text, color)) in enumerate(texts.items())}
    return [{"type": "value", "options": options}]


def override(field: str, **properties: Any) -> Json:
    """Properties of one field; `__` stands for a dot: custom__width."""
    return {
        "matcher": {"id": "byName", "options": field},
        "properties": [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()],
    }


def fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def link(title: str, uid: str, *variables: str) -> Json:
    """To another dashboard with its time range. variables: 'account=${__data.fields.Account}'; a data source always goes along."""
    parts = ["${datasource:queryparam}", *(f"var-{variable}" for variable in variables), "${__url_time_range}"]
    return {"title": title, "url": f"/d/{uid}?{'&'.join(parts)}"}


# -- panels

def _panel(kind: str, title: str, description: str, queries: Sequence[Json], options: Json, defaults: Json, **more: Any) -> Json:
    if isinstance(queries, dict):
        queries = [queries]
    targets = [{"refId": chr(ord("A") + i), **one} for i, one in enumerate(queries)]
    width, height = more.pop("width"), more.pop("height")
    overrides = more.pop("overrides", [])
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": targets,
        "options": options,
        "fieldConfig": {"defaults": {key: value for key, value in defaults.items() if value is not None}, "overrides": list(overrides)},
        "gridPos": {"w": width, "h": height},
        **{key: value for key, value in more.items() if value},
    }


def stat(
    title: str,
    description: str,
    ask: Json | Sequence[Json],
    unit: str,
    *,
    thresholds: Json | None = None,
    mappings: list[Json] | None = None,
    decimals: int | None = None,
    empty: str = "not known",
    links: Sequence[Json] = (),
    filled: bool = False,
    spark: bool = False,
    width: int = 4,
    height: int = 4,
) -> Json:
    """One number. Coloured by thresholds where they are given."""
    colored = thresholds is not None or mappings is not None
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background" if filled else "value" if colored else "none",
        "graphMode": "area" if spark else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    defaults = {"unit": unit, "decimals": decimals, "noValue": empty, "mappings": mappings, "links": list(links) or None}
    defaults |= {"thresholds": thresholds or steps(base=GREY if filled else "text"), "color": {"mode": "thresholds"}}
    return _panel("stat", title, description, ask, options, defaults, width=width, height=height)


def timeseries(
    title: str,
    description: str,
    ask: Json | Sequence[Json],
    unit: str,
    *,
    stacked: bool = False,
    bars: bool = False,
    stepped: bool = False,
    maximum: float | None = None,
    decimals: int | None = None,
    thresholds: Json | None = None,
    empty: str = "Nothing in this time",
    calcs: Sequence[str] = ("mean", "max"),
    legend: str = "bottom",
    overrides: Iterable[Json] = (),
    links: Sequence[Json] = (),
    width: int = 12,
    height: int = 8,
) -> Json:
    """Lines over time, from 0. legend: 'bottom' is a list, 'table' a table with `calcs` below, 'right' one beside."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 0 if bars else 1 if stacked else 2,
        "fillOpacity": 80 if bars else 40 if stacked else 0,
        "gradientMode": "none",
        "lineInterpolation": "stepAfter" if stepped else "linear",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisSoftMin": 0,
        "thresholdsStyle": {"mode": "line" if thresholds else "off"},
    }
    options = {
        "legend": {
            "showLegend": True,
            "displayMode": "list" if legend == "bottom" else "table",
            "placement": "right" if legend == "right" else "bottom",
            "calcs": [] if legend == "bottom" else list(calcs),
            "sortBy": "Max" if "max" in calcs and legend != "bottom" else None,
            "sortDesc": True if "max" in calcs and legend != "bottom" else None,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    options["legend"] = {key: value for key, value in options["legend"].items() if value is not None}
    defaults = {"unit": unit, "decimals": decimals, "min": 0, "max": maximum, "noValue": empty, "custom": custom, "links": list(links) or None}
    defaults |= {"color": {"mode": "palette-classic"}, "thresholds": thresholds or steps()}
    return _panel("timeseries", title, description, ask, options, defaults, overrides=overrides, width=width, height=height)


def bargauge(
    title: str,
    description: str,
    ask: Json | Sequence[Json],
    unit: str,
    *,
    maximum: float | None = None,
    decimals: int | None = None,
    thresholds: Json | None = None,
    empty: str = "Nothing",
    links: Sequence[Json] = (),
    width: int = 8,
    height: int = 8,
) -> Json:
    """A bar a series, with its number."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "valueMode": "color",
        "namePlacement": "left",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 40,
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "legend": {"showLegend": False, "displayMode": "hidden", "placement": "right", "calcs": []},
    }
    color = {"mode": "thresholds"} if thresholds else fixed(BLUE)
    defaults = {"unit": unit, "decimals": decimals, "min": 0, "max": maximum, "noValue": empty, "color": color}
    defaults |= {"thresholds": thresholds or steps(base=BLUE), "links": list(links) or None}
    return _panel("bargauge", title, description, ask, options, defaults, width=width, height=height)


class Column:
    """A column of a table. `source`: a label, or the letter of the query whose values it shows."""

    def __init__(self, source: str, name: str, unit: str = "", *, gauge: bool = False, **properties: Any) -> None:
        self.source = f"Value #{source}" if len(source) == 1 and source.isupper() else source
        self.name = name
        self.properties = dict(properties)
        if unit:
            self.properties["unit"] = unit
        if gauge:
            self.properties["custom__cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
            self.properties.setdefault("min", 0)
            self.properties.setdefault("max", 1)
            self.properties.setdefault("color", {"mode": "thresholds"})


def colored_text() -> Json:
    return {"type": "color-text"}


def table(
    title: str,
    description: str,
    ask: Json | Sequence[Json],
    columns: Sequence[Column],
    *,
    sort: str = "",
    descending: bool = True,
    empty: str = "Nothing",
    width: int = 24,
    height: int = 8,
) -> Json:
    """Rows of instant queries, joined by their labels, with these columns in this order. sort: a column's name."""
    asks = [ask] if isinstance(ask, dict) else list(ask)
    names = {"Value #A": "Value"} if len(asks) == 1 else {}
    source = {column: names.get(column.source, column.source) for column in columns}
    kept = {source[column] for column in columns}
    transformations: list[Json] = [{"id": "merge", "options": {}}] if len(asks) > 1 else []
    transformations += [
        {"id": "filterFieldsByName", "options": {"include": {"names": sorted(kept)}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {source[column]: place for place, column in enumerate(columns)},
                "renameByName": {source[column]: column.name for column in columns},
            },
        },
    ]
    if sort:
        transformations.append({"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sort, "desc": descending}]}})
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}
    defaults = {"noValue": empty, "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 70}}
    defaults |= {"thresholds": steps(base="text"), "color": {"mode": "thresholds"}}
    for column in columns:
        if len(asks) > 1 and column.source.startswith("Value"):
            column.properties.setdefault("noValue", "–")  # where this query has no such row; the panel's text is for no rows at all
    overrides = [override(column.name, **column.properties) for column in columns if column.properties]
    return _panel(
        "table", title, description, asks, options, defaults, overrides=overrides, transformations=transformations, width=width, height=height
    )


def text(content: str, *, title: str = "", width: int = 24, height: int = 3) -> Json:
    """Markdown."""
    options = {"mode": "markdown", "content": content, "code": {"language": "plaintext", "showLineNumbers": False, "showMiniMap": False}}
    return {"type": "text", "title": title, "options": options, "gridPos": {"w": width, "h": height}, "transparent": not title}


def row(title: str) -> Json:
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


# -- variables

def _variable(name: str, label: str, kind: str, **more: Any) -> Json:
    return {"name": name, "label": label, "type": kind, "hide": 0, "skipUrlSync": False, **more}


def datasource() -> Json:
    return _variable("datasource", "Data source", "datasource", query="prometheus", regex="", refresh=1, multi=False, includeAll=False)


def labels_of(name: str, label: str, expression: str, *, multi: bool = True, all_value: str | None = ".*", regex: str = "") -> Json:
    """The values of a label. expression: what label_values() gets, 'metric{...}, label'. Without all_value one value is chosen."""
    ask = {"query": f"label_values({expression})", "refId": f"variable-{name}"}
    more: Json = {"query": ask, "datasource": SOURCE, "definition": ask["query"], "refresh": 2, "sort": 1, "regex": regex}
    more |= {"multi": multi, "includeAll": all_value is not None}
    if all_value is not None:
        selected: Any = (["$__all"] if multi else "$__all")
        more |= {"allValue": all_value, "current": {"selected": True, "text": ["All"] if multi else "All", "value": selected}}
    return _variable(name, label, "query", **more)


def choice(name: str, label: str, **options: str) -> Json:
    """One of fixed values: choice("tres", "Resource", cpu="Cores"), where `__` stands for a slash; the first is chosen."""
    pairs = [(value.replace("__", "/"), text) for value, text in options.items()]
    listed = [{"text": text, "value": value, "selected": i == 0} for i, (value, text) in enumerate(pairs)]
    more = {"query": ", ".join(f"{text} : {value}" for value, text in pairs), "options": listed, "multi": False, "includeAll": False}
    return _variable(name, label, "custom", current={"text": pairs[0][1], "value": pairs[0][0], "selected": True}, **more)


# -- dashboards

def annotation(name: str, expression: str, color: str, title: str, body: str) -> Json:
    """Marks on every graph where the expression has a value."""
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expression,
        "step": "5m",
        "titleFormat": title,
        "textFormat": body,
        "useValueForTime": False,
    }


def board(
    uid: str,
    title: str,
    description: str,
    variables: Sequence[Json],
    rows: Sequence[Sequence[Json]],
    *,
    annotations: Sequence[Json] = (),
    since: str = "now-24h",
) -> Json:
    """A dashboard. rows: panels from left to right, row by row."""
    panels, y = [], 0
    for number, line in enumerate(rows):
        x = 0
        for panel in line:
            place = panel["gridPos"]
            if x + place["w"] > 24:
                raise ValueError(f"{uid}: row {number} is wider than the grid: {panel['title']}")
            panels.append({"id": len(panels) + 1, **panel, "gridPos": {"x": x, "y": y, **place}})
            x += place["w"]
        y += max(panel["gridPos"]["h"] for panel in line)
    builtin = {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }
    others = {
        "type": "dashboards",
        "title": "Slurm accounting",
        "tags": ["slurmdbd"],
        "asDropdown": True,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["slurm", "slurmdbd"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "links": [others],
        "annotations": {"list": [builtin, *annotations]},
        "templating": {"list": list(variables)},
        "panels": panels,
    }
