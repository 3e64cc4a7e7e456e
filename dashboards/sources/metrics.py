"""PromQL over the exporter's metrics. Which labels a metric has is read from docs/metrics.md, so an undocumented one is an error.

Two exporters on one database publish the same series: every metric is first made one with `max by (its own labels)`.
"""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r"^\| `(slurmdbd_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
_DOCUMENTED = {
    name: (kind, [label.strip() for label in labels.split(",") if label.strip()])
    for name, kind, labels in _LINE.findall((Path(__file__).parents[2] / "docs/metrics.md").read_text())
}


def documented(metric: str) -> bool:
    return metric in _DOCUMENTED


def labels_of(metric: str) -> list[str]:
    """A documented metric's own labels."""
    if metric not in _DOCUMENTED:
        raise ValueError(f"{metric} is not in docs/metrics.md")
    return _DOCUMENTED[metric][1]


class Scope:
    """Metrics as a dashboard's variables narrow them. variables: labels that have a variable of the same name."""

    def __init__(self, *variables: str) -> None:
        self._variables = variables

    def gauge(self, metric: str, **matchers: str) -> str:
        """matchers: state="running", or with an operator: state="!~pending|running", tres="=~gres/gpu.*"."""
        return self._single(metric, self._selector(metric, matchers), matchers)

    def gauge_but(self, metric: str, unwanted: str, **matchers: str) -> str:
        """The same without some series: unwanted is a further matcher, as PromQL writes it."""
        return self.gauge(metric, **matchers).replace("}", f",{unwanted}}}")

    def rate(self, metric: str, **matchers: str) -> str:
        """Per second, averaged over a few scrapes."""
        return self._single(metric, f"rate({self._selector(metric, matchers)}[$__rate_interval])", matchers)

    def increase(self, metric: str, window: str, **matchers: str) -> str:
        return self._single(metric, f"increase({self._selector(metric, matchers)}[{window}])", matchers)

    def gained(self, metric: str, window: str, **matchers: str) -> str:
        """What a counter that may be born at any time has gained: increase() takes a first value for one that was always there. A series
        counts as new if it was not there a window ago while the metric was."""
        selector = self._selector(metric, matchers)
        first = self._single(metric, f"min_over_time({selector}[{window}])", matchers)
        before = self._single(metric, f"{selector} offset {window}", matchers)
        born = f"(({first} unless {before}) and on () group({metric} offset {window}))"
        grown = self.increase(metric, window, **matchers)
        return f"({grown} + {born} or {born} or {grown})"

    def _single(self, metric: str, expression: str, matchers: dict[str, str]) -> str:
        labels = [label for label in labels_of(metric) if _operator(matchers.get(label, "=~")) != "="]
        return f"max by ({', '.join(labels)}) ({expression})" if labels else f"max({expression})"

    def _selector(self, metric: str, matchers: dict[str, str]) -> str:
        known = labels_of(metric)
        wanted = {label: f"=~${label}" for label in self._variables if label in known} | matchers
        if unknown := set(wanted) - set(known):
            raise ValueError(f"{metric} has no label {', '.join(unknown)}")
        parts = (f'{label}{_operator(value)}"{value.removeprefix(_operator(value))}"' for label, value in wanted.items())
        return f"{metric}{{{','.join(parts)}}}" if wanted else metric


def _operator(matcher: str) -> str:
    return matcher[:2] if matcher[:2] in ("=~", "!~", "!=") else "="


def total(by: str, expression: str) -> str:
    """sum by (labels); '' is over all."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def highest(by: str, expression: str) -> str:
    return f"max by ({by}) ({expression})" if by else f"max({expression})"


def lowest(by: str, expression: str) -> str:
    return f"min by ({by}) ({expression})" if by else f"min({expression})"


def hours(expression: str) -> str:
    """TRES-seconds as TRES-hours: core-hours of cpu, GPU-hours of gres/gpu."""
    return f"{expression} / 3600"


def alerts(alertname: str = "Slurmdbd.+", **matchers: str) -> str:
    """Alerts of the shipped rules that fire. matchers: regular expressions."""
    text = "".join(f',{label}=~"{value}"' for label, value in matchers.items())
    return f'ALERTS{{alertstate="firing",alertname=~"{alertname}"{text}}}'
