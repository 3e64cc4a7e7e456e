"""What dashboards make of counters, judged by promtool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from dashboards.sources.metrics import Scope

COUNTER = "slurmdbd_transactions_total"
# Changes by actor, a sample a minute: one who was there all the time, two who came in the second hour, and one whose counter began anew.
SERIES = {"old": "3x120", "new": "_x70 1x50", "busy": "_x70 2x9 5x40", "restarted": "10x80 1x40", "gone": "4x20 _x100"}


@pytest.mark.parametrize(
    ("minute", "expected"),
    [
        # All are taken for old when nothing was there before.
        (30, {"old": 0, "restarted": 0, "gone": 0}),
        (110, {"old": 0, "new": 1, "busy": 5, "restarted": 1}),
    ],
)
def test_a_counter_that_is_born_has_gained_what_it_begins_with(tmp_path: Path, minute: int, expected: dict[str, int]) -> None:
    expression = f"round(sum by (actor) ({Scope().gained(COUNTER, '1h')}))"
    samples = [
        {"series": f'{COUNTER}{{instance="{instance}",cluster="all",action="add_users",actor="{actor}"}}', "values": values}
        for actor, values in SERIES.items()
        for instance in "ab"  # two exporters are one
    ]
    cases = [{"expr": expression, "eval_time": f"{minute}m", "exp_samples": [{"labels": f'{{actor="{a}"}}', "value": n} for a, n in expected.items()]}]
    test = tmp_path / "test.yml"
    test.write_text(json.dumps({"rule_files": [], "tests": [{"interval": "1m", "input_series": samples, "promql_expr_test": cases}]}))
    done = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
