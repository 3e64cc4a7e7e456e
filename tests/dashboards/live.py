"""Asks a real Prometheus every expression of every dashboard: no error, and not empty, unless EMPTY says why it may be; the labels that
legends and tables show are there, and the queries of a table have rows in common."""

from __future__ import annotations

import math
import re

from tests.dashboards import boards
from tests.dashboards.history import Past
from tests.e2e.servers import ServerError

SINGLE = {"cluster": "alpine", "account": "cfd", "partition": "long"}

# (dashboard, panel and refId, setting) as regular expressions, and why there may be nothing.
EMPTY = (
    ("slurmdbd-exporter", "Errors A", ".*", "a healthy exporter has none"),
    ("slurmdbd-audit", "By cluster F", ".*", "nothing is to be rolled up again"),
    ("slurmdbd-audit", "Correct.* A", ".*", "nothing is corrected in the demo, and the counter begins with the first correction"),
    ("slurmdbd-.*", "annotation Roll-ups late", ".*", "the demo's roll-ups are on time"),
    ("slurmdbd-users", "The user's own limits A", "single.*", "most users have no limits of their own"),
    ("slurmdbd-accounts", "Runs out A|Quotas F", ".*", "quotas that last, as some do"),
    ("slurmdbd-accounts", "(Most used|Used|Fewest|Quotas).*", ".* billing.*", "the demo has no quotas of billing"),
    ("slurmdbd-accounts", "(Usage|Top users).*", ".* last_(quarter|year)", "the demo's history is shorter"),
    ("slurmdbd-cost", "(Accounts without a department|What has no price) A", ".*", "all that the demo uses is paid by somebody"),
    ("slurmdbd-outcomes", "(By partition C|Where failures cost most .|Accounts whose jobs fail most .)", "single", "one account's day in one partition"),
    ("slurmdbd-efficiency", "GPUs of a typical job, by partition .", "single", "a partition without GPUs"),
)

# Labels that are often empty, which for Prometheus is the same as not there.
OPTIONAL = {"user", "partition"}
Answer = tuple[str, set[str]]  # what is wrong with it, or nothing; labels of the series


def check(past: Past, dashboards: list[boards.Json]) -> list[str]:
    """Faults, a line each."""
    faults: dict[str, str] = {}  # without and with where it is seen first
    used: set[int] = set()
    answers: dict[tuple[str, bool, int], Answer] = {}
    asked = 0
    for board in dashboards:
        span = min(boards.span(board), past.end - past.start)
        try:
            settings = list(boards.settings(board, lambda text: label_values(past, text), SINGLE, past.step))
        except ValueError as error:
            faults[str(error)] = str(error)
            continue
        for setting, values in settings:
            for one in boards.asks(board):
                def answer(text: str) -> Answer:
                    key = (boards.fill(text, values), one.instant, span)
                    if key not in answers:
                        answers[key] = _answer(past, *key)
                    return answers[key]

                asked += 1
                error, labels = answer(one.expression)
                if error == "is empty":
                    reasons = [i for i, (uid, where, how, _) in enumerate(EMPTY) if matches((uid, where, how), (one.board, one.where, setting))]
                    used.update(reasons[:1])
                    if reasons:
                        continue
                elif not error and setting.startswith("all"):
                    if unknown := set(one.labels) - labels - OPTIONAL:
                        error = f"no series has the label {', '.join(unknown)}"
                    elif one.beside and (further := labels - answer(one.beside)[1]):
                        error = f"its rows cannot join those of the first query, which has no label {', '.join(further)}"
                if error:
                    fault = f"{one.board}: {one.where}: {error}"
                    faults.setdefault(fault, f"{fault} with {setting}: {boards.fill(one.expression, values)}")
    missed = len(boards.load()) > len(dashboards)
    faults |= {} if missed else {f"{EMPTY[i]}": f"EMPTY has an entry that nothing needs: {EMPTY[i]}" for i in range(len(EMPTY)) if i not in used}
    print(f"live: {asked} expressions asked, {len(answers)} different ones, {len(faults)} faults")
    return list(faults.values())


def matches(patterns: tuple[str, ...], texts: tuple[str, ...]) -> bool:
    return all(re.fullmatch(pattern, text) for pattern, text in zip(patterns, texts))


def _answer(past: Past, expression: str, instant: bool, span: int) -> Answer:
    try:
        series = past.query(expression) if instant else past.over_time(expression, past.end - span)
    except ServerError as error:
        return str(error), set()
    numbers = [value for one in series for _, value in one.get("values", [one.get("value")])]
    labels = {label for one in series for label in one["metric"]}
    return "" if any(not math.isnan(float(value)) for value in numbers) else "is empty", labels


def label_values(past: Past, text: str) -> list[str]:
    """What Grafana offers for label_values(metric{...}, label)."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", text)
    if not found:
        raise ValueError(f"no label_values(): {text}")
    series = past.over_time(f"group by ({found[2]}) ({found[1]})", past.end - 86_400)
    return sorted({one["metric"][found[2]] for one in series if one["metric"].get(found[2])})
