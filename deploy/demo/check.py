"""Asks the demo's Prometheus: waits until the exporter's series are there, prints an example, verifies that counters advance.

    python3 -m deploy.demo.check wait --prometheus http://127.0.0.1:19090 --timeout 120
    python3 -m deploy.demo.check example --prometheus http://127.0.0.1:19090
    python3 -m deploy.demo.check verify --prometheus http://127.0.0.1:19090
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

CLUSTERS = ("alpine", "summit-gpu")
CORE_HOURS = 'sort_desc(sum by (cluster, account) (slurmdbd_account_tres_seconds_total{tres="cpu"}) / 3600)'
Samples = list[tuple[dict[str, str], float]]  # labels, value


class Prometheus:
    """Prometheus' HTTP API at a base URL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def query(self, expression: str) -> Samples:
        """An instant query's answer."""
        data = self._get("/api/v1/query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in data]

    def value(self, expression: str) -> float | None:
        """The one value of an expression, None without an answer."""
        found = self.query(expression)
        return found[0][1] if found else None

    def troubles(self) -> list[str]:
        """Last errors of targets that are down."""
        targets = self._get("/api/v1/targets")["activeTargets"]
        return [f"{target['scrapeUrl']}: {target['lastError']}" for target in targets if target["lastError"]]

    def _get(self, path: str, **arguments: str) -> dict:
        with urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(arguments)}", timeout=10) as answer:
            return json.load(answer)["data"]


def expressions() -> dict[str, str]:
    """What must have a value: a short name and the query."""
    wanted = {
        "exporter scraped": 'up{job="slurmdbd"}',
        "database answers": "slurmdbd_up",
        "alert rules evaluated": 'count({__name__=~"cluster:slurmdbd_.+"})',
    }
    for cluster in CLUSTERS:
        one = f'{{cluster="{cluster}"}}'
        wanted[f"{cluster}: jobs now"] = f"sum(slurmdbd_jobs{one})"
        wanted[f"{cluster}: core-seconds by account"] = f'sum(slurmdbd_account_tres_seconds_total{{cluster="{cluster}",tres="cpu"}})'
    return wanted


def wait(prometheus: Prometheus, timeout: float) -> int:
    """0 when all series are there, 1 if they are not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    missing = list(expressions())
    while time.monotonic() < deadline:
        try:
            missing = [name for name, expression in expressions().items() if not prometheus.value(expression)]
        except (urllib.error.URLError, OSError):
            pass
        if not missing:
            return 0
        time.sleep(1)
    print("Prometheus still has no value for: " + ", ".join(missing), file=sys.stderr)
    for trouble in prometheus.troubles():
        print("  " + trouble, file=sys.stderr)
    return 1


def example(prometheus: Prometheus, lines: int = 5) -> int:
    """Prints one useful query with the top of its answer."""
    print("Core-hours by account since the start of the month, top 5:\n")
    print(f"  {CORE_HOURS}\n")
    for labels, value in prometheus.query(CORE_HOURS)[:lines]:
        print(f"  {labels.get('cluster', ''):<12} {labels.get('account', ''):<16} {value:>14,.1f}")
    return 0


def verify(prometheus: Prometheus, pause: float) -> int:
    """Reads everything twice, `pause` seconds apart, prints both; 0 if all have values and the counters advance."""
    wanted = expressions()
    counters = {name for name, expression in wanted.items() if "_total" in expression}
    first = {name: prometheus.value(expression) for name, expression in wanted.items()}
    time.sleep(pause)
    second = {name: prometheus.value(expression) for name, expression in wanted.items()}
    failed = 0
    print(f"{'':<38} {'first':>16} {f'{pause:g} s later':>16}")
    for name in wanted:
        a, b = first[name], second[name]
        good = bool(a) and bool(b) and (name not in counters or b > a)  # type: ignore[operator]
        failed += not good
        shown = [f"{value:>16,.0f}" if value is not None else f"{'-':>16}" for value in (a, b)]
        print(f"{name:<38} {shown[0]} {shown[1]}  {'ok' if good else 'FAILED'}")
    series = prometheus.value('count({__name__=~"slurmdbd_.+"})')
    print(f"{'series of the exporter':<38} {series or 0:>16,.0f}")
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.demo.check")
    parser.add_argument("command", choices=("wait", "example", "verify"))
    parser.add_argument("--prometheus", required=True, help="base URL")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait")
    parser.add_argument("--pause", type=float, default=20.0, help="seconds between the two readings")
    options = parser.parse_args(arguments)
    prometheus = Prometheus(options.prometheus)
    if options.command == "wait":
        return wait(prometheus, options.timeout)
    return example(prometheus) if options.command == "example" else verify(prometheus, options.pause)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
