"""Breaks the rules one way after the other; each time their tests have to notice.

    python3 -m tests.rules.broken        # 0: all were noticed
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tests.rules import alertmanager

ROOT = alertmanager.ROOT
QUOTA, EXPORTER, AUDIT, COST = "slurmdbd_quota.yml", "slurmdbd_exporter.yml", "slurmdbd_audit.yml", "slurmdbd_cost.yml"
# Rule file, what is there, what takes its place, the test that has to fail.
BROKEN = (
    (QUOTA, "quota:slurmdbd_quota_used_tres_seconds:max > quota:", "quota:slurmdbd_quota_used_tres_seconds:max >= quota:", "quota"),
    (QUOTA, ">= on (cluster, account) group_left ()", "> on (cluster, account) group_left ()", "quota"),
    (QUOTA, "ratio >= 0.95", "ratio > 0.95", "quota"),
    (QUOTA, "* 0 + 0.8", "* 0 + 0.79", "quota"),
    (QUOTA, "  > 1\n", "  >= 1\n", "quota"),
    (QUOTA, "max <= quota:", "max < quota:", "quota"),
    (QUOTA, "(quota:slurmdbd_quota_limit_tres_seconds:max > 0)\n      #", "quota:slurmdbd_quota_limit_tres_seconds:max\n      #", "quota"),
    (QUOTA, "max by (cluster, account, user, partition, qos, tres) (\n            slurmdbd_quota_used_tres_seconds or", "sum by (cluster, account, user, partition, qos, tres) (\n            slurmdbd_quota_used_tres_seconds or", "quota"),
    (QUOTA, "max by (cluster, account, user, partition, qos, tres) (\n            slurmdbd_quota_used_tres_seconds or", "max by (cluster, account, user, partition, qos, tres, instance) (\n            slurmdbd_quota_used_tres_seconds or", "quota"),
    (QUOTA, "or slurmdbd_qos_quota_used_tres_seconds", "", "quota"),
    (QUOTA, "for: 5m", "for: 4m", "quota"),
    (QUOTA, "keep_firing_for: 15m", "keep_firing_for: 20m", "quota"),
    (QUOTA, "path=~'(.*/)?%[3]s(/.*)?'", "path=~'.*%[3]s.*'", "quota"),
    (QUOTA, "/ 3600 / 1024 ^ 3", "/ 3600 / 1000 ^ 3", "quota"),
    (QUOTA, "              and on (cluster, account) slurmdbd_quota_warning_ratio\n", "", "quota"),
    (QUOTA, "                > 0\n            )\n", "                != 0\n            )\n", "quota"),
    # The window that reaches back beyond the reset, growth that a correction makes up, horizons that are a little too wide.
    (QUOTA, "unless on (cluster) cluster:slurmdbd_quota_period_age_seconds:max < 3600", "", "forecast"),
    (QUOTA, "unless on (cluster) cluster:slurmdbd_quota_period_age_seconds:max < 604800", "", "forecast"),
    (QUOTA, "              0\n            ) / 3600", "              -1e18\n            ) / 3600", "forecast"),
    (QUOTA, "6 * 3600)", "6 * 3600 + 1)", "forecast"),
    (QUOTA, "3 * 86400)", "3 * 86400 + 1)", "forecast"),
    (QUOTA, "period_age_seconds:max, 604800)", "period_age_seconds:max, 604801)", "forecast"),
    (QUOTA, "or cluster:slurmdbd_quota_period_left_seconds:max < Inf\n", "or cluster:slurmdbd_quota_period_left_seconds:max\n", "forecast"),
    (COST, "ratio >= 0.8", "ratio > 0.8", "cost"),
    (COST, "ratio >= 0.8", "ratio >= 0.7999", "cost"),
    (COST, "(budget:slurmdbd_budget:max > 0)\n      #", "budget:slurmdbd_budget:max\n      #", "cost"),
    (COST, "ratio >= 1\n", "ratio > 1\n", "cost"),
    (COST, "elapsed:ratio >= 0.1)", "elapsed:ratio)", "cost"),
    (COST, "            slurmdbd_account_budget_used or slurmdbd_department_budget_used", "            slurmdbd_department_budget_used", "cost"),
    (COST, "> 1\n            and budget", "> 1.2\n            and budget", "cost"),
    (COST, "for: 6h", "for: 5h", "cost"),
    (COST, "            and on () slurmdbd_department_list_cost{department!=\"\"}\n", "", "cost"),
    (COST, "{department=\"\",period=\"month\"}", "{period=\"month\"}", "cost"),
    (COST, "{department=\"\",period=\"month\"}", "{department=\"\"}", "cost"),
    (COST, "(slurmdbd_cost_unpriced_tres_seconds{period=\"month\"})", "(slurmdbd_cost_unpriced_tres_seconds)", "cost"),
    (COST, "max by (cluster, tres)", "max by (cluster, tres, instance)", "cost"),
    (EXPORTER, " or absent(up{job=\"slurmdbd\"})", "", "exporter"),
    (EXPORTER, "unless on (job, instance) slurmdbd_up == 1", "", "exporter"),
    (EXPORTER, "max by (job, cluster) (slurmdbd_exporter_cluster_success) == 0", "slurmdbd_exporter_cluster_success == 0", "exporter"),
    (EXPORTER, "slurmdbd_scrape_collector_success == 0\n        for: 10m", "slurmdbd_scrape_collector_success == 0\n        for: 9m", "exporter"),
    (EXPORTER, "clamp_min(5 * slurmdbd_exporter_poll_interval_seconds, 1800)", "(0 * slurmdbd_exporter_poll_interval_seconds + 1800)", "exporter"),
    (EXPORTER, "> 3 * 3600", ">= 3 * 3600", "exporter"),
    (EXPORTER, "[15m]) > 0", "[15m]) >= 0", "exporter"),
    (EXPORTER, "missing_columns > 0\n        for: 15m", "missing_columns > 0\n        for: 1m", "exporter"),
    (EXPORTER, "config_last_reload_successful == 0", "config_last_reload_successful == 1", "exporter"),
    (AUDIT, "max by (cluster, reason) (slurmdbd_runaway_jobs) > 0\n        for: 1h", "slurmdbd_runaway_jobs > 0\n        for: 1h", "audit"),
    (AUDIT, "abs(slurmdbd_usage_discrepancy_tres_seconds{cause=\"unexplained\"})", "slurmdbd_usage_discrepancy_tres_seconds{cause=\"unexplained\"}", "audit"),
    (AUDIT, "{cause=\"unexplained\"}", "", "audit"),
    (AUDIT, "max by (cluster, tres)", "sum by (cluster, tres)", "audit"),
    (AUDIT, "for: 3h", "for: 1h", "audit"),
    (AUDIT, " - min_over_time(slurmdbd_usage_gap_seconds[1d])", "", "audit"),
    (AUDIT, "max by (cluster) (slurmdbd_usage_gap_seconds", "sum by (cluster) (slurmdbd_usage_gap_seconds", "audit"),
    (AUDIT, "for: 15m", "for: 10m", "audit"),
    (AUDIT, "max by (cluster) (slurmdbd_jobs_without", "sum by (cluster) (slurmdbd_jobs_without", "audit"),
    (AUDIT, "max by (cluster, reason)", "sum by (cluster, reason)", "audit"),
    (AUDIT, "for: 1m\n", "for: 0m\n", "audit"),
    (AUDIT, "(slurmdbd_jobs_without_association) > 0\n        for: 1h", "(slurmdbd_jobs_without_association) > 0\n        for: 30m", "audit"),
    (AUDIT, "            and on (job) (slurmdbd_administrators offset 1h)\n", "", "audit"),
    (AUDIT, "slurmdbd_administrator_info offset 1h", "slurmdbd_administrator_info offset 2h", "audit"),
    (AUDIT, "unless on (job, user, level)", "unless on (job, instance, user, level)", "audit"),
    (AUDIT, "> 30", ">= 30", "audit"),
    (AUDIT, "for: 10m", "for: 9m", "audit"),
    (AUDIT, "abs(slurmdbd_database_clock_skew_seconds)", "slurmdbd_database_clock_skew_seconds", "audit"),
)  # fmt: skip


def noticed(case: tuple[str, str, str, str]) -> bool:
    """Whether the test fails with this rule, and for no other reason than a difference."""
    name, old, new, test = case
    with tempfile.TemporaryDirectory(prefix="slurmdbd-broken-") as folder:
        rules = pathlib.Path(folder) / "deploy/prometheus/rules"
        shutil.copytree(ROOT / "deploy/prometheus/rules", rules)
        text = (rules / name).read_text()
        if old not in text:
            raise SystemExit(f"{name} has no {old!r}")
        (rules / name).write_text(text.replace(old, new))
        (pathlib.Path(folder) / "tests/rules").mkdir(parents=True)
        copy = pathlib.Path(shutil.copy(ROOT / f"tests/rules/{test}_test.yml", pathlib.Path(folder) / "tests/rules"))
        valid = subprocess.run(["promtool", "check", "rules", rules / name], capture_output=True, text=True)
        if valid.returncode != 0:
            raise SystemExit(f"{old!r} -> {new!r}: {valid.stdout}{valid.stderr}")
        done = subprocess.run(["promtool", "test", "rules", copy], capture_output=True, text=True)
        return done.returncode != 0 and "got:" in done.stdout + done.stderr


def main() -> int:
    escaped = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for case, found in zip(BROKEN, pool.map(noticed, BROKEN), strict=True):
            print("noticed" if found else "ESCAPED", *(part.strip().replace("\n", " ") for part in case[:3]), sep=" | ", flush=True)
            escaped += not found
    print(f"{len(BROKEN)} broken rules, {escaped} escaped")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
