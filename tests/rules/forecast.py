"""When SlurmdbdQuotaWillBeExceeded fires on made-up months, against when the quota really ran out.

    python3 -m tests.rules.forecast      # prints the table

promtool evaluates the shipped rules over 30 days after the end of another period; nothing here knows how they forecast.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Callable

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAYS, BEFORE = 30, 8  # of the month, and of the end of the one before it
STEP = 3600  # seconds
A_DAY = 86400 // STEP
ALERT = 'ALERTS{alertname="SlurmdbdQuotaWillBeExceeded",alertstate="firing"}'


@dataclasses.dataclass(frozen=True)
class Month:
    """A curve of usage: its pace by the day of the month, where 1 uses up the quota at the month's end."""

    name: str
    what: str
    pace: Callable[[float], float]

    def used(self) -> list[float]:
        """Used at each step, in days' shares of the quota."""
        total, sums = 0.0, [0.0]
        for step in range(DAYS * A_DAY):
            total += self.pace(step / A_DAY) / A_DAY
            sums.append(total)
        return sums


# The month begins on a Monday.
def _weekdays(pace: float) -> Callable[[float], float]:
    return lambda day: pace if int(day) % 7 < 5 else 0


def _burst(pace: float, begin: float, days: float, amount: float) -> Callable[[float], float]:
    return lambda day: pace + (amount / days if begin <= day < begin + days else 0)


def _from(begin: float, before: float, after: float) -> Callable[[float], float]:
    return lambda day: before if day < begin else after


MONTHS = (
    Month("steady", "always at 0.98", lambda day: 0.98),
    Month("steady_over", "always at 1.1", lambda day: 1.1),
    Month("weekdays", "1.3 on weekdays", _weekdays(1.3)),
    Month("weekdays_over", "1.6 on weekdays", _weekdays(1.6)),
    Month("nights", "2.9 in 8 hours of each night", lambda day: 2.9 if day % 1 < 0.33 else 0),
    Month("early_burst", "0.7, and 6 days' shares on day 3", _burst(0.7, 2, 1, 6)),
    Month("burst", "0.7, and 6 days' shares on day 15", _burst(0.7, 14, 1, 6)),
    Month("burst_over", "0.7, and 20 days' shares within day 20", _burst(0.7, 19.2, 0.5, 20)),
    Month("leak", "0.6, from day 9 on 1.3", _from(8, 0.6, 1.3)),
    Month("slow_leak", "from 0.7 growing to 1.4", lambda day: 0.7 + 0.7 * day / DAYS),
    Month("late", "nothing, from day 16 on 1.9", _from(15, 0, 1.9)),
    Month("late_over", "nothing, from day 19 on 3", _from(18, 0, 3)),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Days since the month's beginning; None is never."""

    month: Month
    total: float  # in quotas, at the month's end
    exhausted: float | None
    fired: float | None
    firing: float  # days in all


def _series(month: Month) -> dict[str, str]:
    scale = 86400
    before = [f"{(DAYS - BEFORE + step / A_DAY) * 0.9 * scale:.0f}" for step in range(BEFORE * A_DAY)]
    values = before + [f"{used * scale:.0f}" for used in month.used()]
    return {
        "series": f'slurmdbd_quota_used_tres_seconds{{cluster="alpha",account="{month.name}",tres="cpu"}}',
        "values": " ".join(values),
    }


def _ask(expressions: list[str], folder: pathlib.Path) -> list[dict[str, float]]:
    """What promtool says to each expression at the end: account -> value."""
    steps = BEFORE * A_DAY
    inputs = [_series(month) for month in MONTHS]
    for month in MONTHS:
        labels = f'{{cluster="alpha",account="{month.name}",tres="cpu"}}'
        inputs.append({"series": f"slurmdbd_quota_limit_tres_seconds{labels}", "values": f"{DAYS * 86400}x{steps + DAYS * A_DAY}"})
    begin = BEFORE * 86400
    for name, first, then in (("start", begin - DAYS * 86400, begin), ("end", begin, begin + DAYS * 86400)):
        values = f"{first}x{steps - 1} {then}x{DAYS * A_DAY}"
        inputs.append({"series": f'slurmdbd_quota_period_{name}_timestamp_seconds{{cluster="alpha"}}', "values": values})
    # promtool tells values only of what it did not expect.
    cases = [{"expr": expression, "eval_time": f"{(BEFORE + DAYS) * 24}h", "exp_samples": []} for expression in expressions]
    test = {
        "rule_files": [str(ROOT / "deploy/prometheus/rules/slurmdbd_quota.yml")],
        "evaluation_interval": f"{STEP}s",
        "tests": [{"interval": f"{STEP}s", "input_series": inputs, "promql_expr_test": cases}],
    }
    path = folder / "months.yml"
    path.write_text(yaml.safe_dump(test))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    got = re.findall(r"^\s*got: ?(.*)$", done.stdout + done.stderr, re.MULTILINE)
    if len(got) != len(expressions):
        raise RuntimeError(done.stdout + done.stderr)
    return [
        {name: float(value) for name, value in re.findall(r'\{account="(\w+)"\} ([-+.0-9E]+)', line)} for line in got
    ]


def outcomes() -> list[Outcome]:
    """Runs all months. Raises RuntimeError if promtool does not answer."""
    window = f"[{(BEFORE + DAYS) * 24}h:{STEP}s]"
    everything = 'max by (account) ({__name__="quota:slurmdbd_quota_used_tres_seconds:max"})'  # so that no answer is empty
    fired = f"min_over_time(timestamp(max by (account) ({ALERT})){window})"
    firing = f"sum_over_time(max by (account) ({ALERT}){window})"
    with tempfile.TemporaryDirectory(prefix="slurmdbd-forecast-") as folder:
        answers = _ask([everything, fired, firing], pathlib.Path(folder))
    found = []
    for month in MONTHS:
        sums = month.used()
        full = next((step for step, total in enumerate(sums) if total >= DAYS), None)
        assert round(answers[0][month.name]) == round(sums[-1] * 86400), "promtool saw other months"
        first = answers[1].get(month.name)
        found.append(
            Outcome(
                month,
                sums[-1] / DAYS,
                None if full is None else full / A_DAY,
                None if first is None else first / 86400 - BEFORE,
                answers[2].get(month.name, 0) / A_DAY,
            )
        )
    return found


def table(found: list[Outcome]) -> str:
    """In Markdown."""

    def days(value: float | None) -> str:
        return "never" if value is None else f"day {value:.1f}"

    lines = ["| month | used at its end | quota used up | alert | ahead, days |", "|---|---:|---:|---:|---:|"]
    for outcome in found:
        ahead = "–"
        if outcome.exhausted is not None and outcome.fired is not None:
            ahead = f"{outcome.exhausted - outcome.fired:.1f}"
        elif outcome.fired is not None:
            ahead = f"in vain, for {outcome.firing:.1f}"
        lines.append(
            f"| {outcome.month.what} | {outcome.total:.0%} | {days(outcome.exhausted)} | {days(outcome.fired)} | {ahead} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(outcomes()))
