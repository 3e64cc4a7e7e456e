"""Rules, runbooks and routes: promtool and amtool are the judges.

    python3 -m pytest tests/rules
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from tests.rules import alertmanager, forecast

ROOT = alertmanager.ROOT
RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
TESTS = sorted((ROOT / "tests/rules").glob("*_test.yml"))
pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("amtool") is None,
    reason="promtool or amtool is not installed (deploy/packages.sh test)",
)


def rules() -> list[dict]:
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def promtool(*arguments: object) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def test_rules_are_valid_and_without_lint() -> None:
    output = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert output.count("SUCCESS") == len(RULES) and "duplicate" not in output, output


def test_the_scrape_configuration_loads_them() -> None:
    output = promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")
    assert f"{len(RULES)} rule files found" in output, output
    readme = (ROOT / "deploy/prometheus/README.md").read_text()
    assert all(f"| `rules/{path.name}` |" in readme for path in RULES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_do_what_they_should(path: pathlib.Path) -> None:
    promtool("test", "rules", path)


def test_each_alert_is_seen_silent_before_firing_and_over() -> None:
    seen: dict[str, list[bool]] = {}
    for path in TESTS:
        for group in yaml.safe_load(path.read_text())["tests"]:
            for case in group.get("alert_rule_test", ()):
                seen.setdefault(case["alertname"], []).append(bool(case.get("exp_alerts")))
    for name in alerts():
        cases = seen.get(name, [])
        assert False in cases[: cases.index(True)] and False in cases[cases.index(True) :], name


def test_alerts_keep_to_the_form() -> None:
    for name, alert in alerts().items():
        assert re.fullmatch(r"Slurmdbd([A-Z][a-z]+)+", name)
        assert alert["labels"].keys() == {"severity"}, name
        assert alert["labels"]["severity"] in ("critical", "warning", "info"), name
        assert "for" in alert, name
        annotations = alert["annotations"]
        assert re.fullmatch(r"[A-Za-z][^{}]*\.", annotations["summary"]), name
        assert "{{ $labels." in annotations["description"], name
        assert annotations["runbook_url"].endswith(f"/docs/runbooks.md#{name.lower()}"), name


def test_links_to_runbooks_are_filled_in_as_the_readme_says(tmp_path: pathlib.Path) -> None:
    shutil.copytree(ROOT / "deploy/prometheus/rules", tmp_path / "rules")
    readme = (ROOT / "deploy/prometheus/README.md").read_text()
    commands = re.search(r"^    RUNBOOKS=(\S+)\n    sed .*$", readme, re.MULTILINE)
    subprocess.run(["sh", "-e", "-c", commands[0]], cwd=tmp_path, check=True)  # type: ignore[index]
    text = "".join(path.read_text() for path in (tmp_path / "rules").glob("*.yml"))
    links = re.findall(r"runbook_url: (.*)", text)
    assert sorted(links) == sorted(f"{commands[1]}#{name.lower()}" for name in alerts())  # type: ignore[index]
    assert "example.org" not in text


def test_records_are_named_after_level_metric_and_operation() -> None:
    for rule in rules():
        if "record" in rule:
            assert re.fullmatch(r"(quota|account|cluster|budget):slurmdbd_[a-z_]+:[a-z0-9_]+", rule["record"])


def test_rules_ask_for_metrics_that_there_are() -> None:
    documented = (ROOT / "docs/metrics.md").read_text()
    texts = [rule["expr"] for rule in rules()]
    texts += [text for alert in alerts().values() for name, text in alert["annotations"].items() if name != "runbook_url"]
    asked = {name for text in texts for name in re.findall(r"(?<!:)\bslurmdbd_\w+(?![\w:])", text)}
    # Those of quotas are documented with their collector.
    missing = {name for name in asked if "quota" not in name and f"`{name}`" not in documented}
    assert {"slurmdbd_up", "slurmdbd_account_info"} <= asked and not missing, missing


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    sections = re.findall(r"^### (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(alerts())


def test_inhibitions_and_routes_name_alerts_that_exist() -> None:
    config = yaml.safe_load(alertmanager.BASE.read_text())
    matchers = [m for rule in config["inhibit_rules"] for m in rule["source_matchers"] + rule["target_matchers"]]
    for matcher in matchers:
        pattern = re.fullmatch(r'alertname=~?"(.*)"', matcher)[1]  # type: ignore[index]
        for part in re.sub(r"^(\w*)\((.*)\)$", lambda m: "|".join(m[1] + p for p in m[2].split("|")), pattern).split("|"):
            assert any(re.fullmatch(part, name) for name in alerts()), part


@pytest.fixture(name="filled", scope="module")
def filled_configuration(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("alertmanager")
    shutil.copytree(alertmanager.FOLDER / "templates", folder / "templates")
    path = folder / "alertmanager.yml"
    path.write_text(alertmanager.filled(alertmanager.BASE.read_text()))
    return path


def test_the_configuration_is_valid_with_and_without_coordinators(filled: pathlib.Path) -> None:
    alertmanager.check(alertmanager.BASE)
    alertmanager.check(filled)


WARNING, CRITICAL = {"severity": "warning"}, {"severity": "critical"}
ROUTES = (
    # Labels of the alert, receivers.
    ({"cluster": "alpha", "account": "physics", "tres": "cpu", **WARNING}, "coordinators alice"),
    ({"cluster": "alpha", "account": "astro", "user": "carol", "tres": "cpu", **WARNING}, "coordinators alice"),
    ({"cluster": "alpha", "account": "bio.chem", "tres": "cpu", **WARNING}, "coordinators alice, bob"),
    ({"cluster": "beta", "account": "bio.chem", "tres": "cpu", **WARNING}, "coordinators alice, bob"),
    # In this cluster, or by this name, nobody coordinates it.
    ({"cluster": "beta", "account": "physics", "tres": "cpu", **WARNING}, "accounting"),
    ({"cluster": "alpha", "account": "bioxchem", "tres": "cpu", **WARNING}, "accounting"),
    ({"cluster": "alpha", "account": "physics2", "tres": "cpu", **WARNING}, "accounting"),
    ({"cluster": "alpha", "account": "physics", "tres": "cpu", **CRITICAL}, "operators-quota,coordinators alice"),
    ({"cluster": "beta", "account": "physics", "tres": "cpu", **CRITICAL}, "operators-quota,accounting"),
    ({"cluster": "alpha", "account": "physics", "period": "year", **WARNING}, "coordinators alice"),
    ({"department": "Science", "period": "year", **WARNING}, "accounting"),
    ({"alertname": "SlurmdbdAccountWithoutDepartment", "cluster": "alpha", "account": "physics", **WARNING}, "accounting-prices"),
    ({"alertname": "SlurmdbdTresWithoutPrice", "cluster": "alpha", "tres": "cpu", **WARNING}, "accounting-prices"),
    ({"cluster": "alpha", "qos": "long", "tres": "cpu", **WARNING}, "operators-quota"),
    ({"cluster": "alpha", "qos": "long", "tres": "cpu", **CRITICAL}, "operators-quota"),
    ({"job": "slurmdbd", "instance": "a", **CRITICAL}, "on-call"),
    ({"job": "slurmdbd", "cluster": "alpha", **CRITICAL}, "on-call"),
    ({"job": "slurmdbd", "instance": "a", "collector": "jobs", **WARNING}, "operators"),
    ({"cluster": "alpha", **WARNING}, "operators"),
    ({"job": "slurmdbd", "instance": "a", "severity": "info"}, "nobody"),
)


@pytest.mark.parametrize(("labels", "expected"), ROUTES)
def test_alerts_go_to_the_right_people(filled: pathlib.Path, labels: dict[str, str], expected: str) -> None:
    assert alertmanager.receivers(filled, **labels) == expected


def test_without_coordinators_accounting_is_told() -> None:
    assert alertmanager.receivers(alertmanager.BASE, cluster="alpha", account="physics", severity="warning") == "accounting"


def test_the_example_for_another_cluster_is_right(tmp_path: pathlib.Path) -> None:
    text = alertmanager.BASE.read_text()
    text = re.sub(r"^    # (- matchers|  receiver)(.*training.*)$", r"    \1\2", text, flags=re.MULTILINE)
    path = tmp_path / "alertmanager.yml"
    path.write_text(text.replace("templates/*", f"{alertmanager.FOLDER}/templates/*") + "  - name: training-operators\n")
    alertmanager.check(path)
    critical = {"job": "slurmdbd", "severity": "critical"}
    assert alertmanager.receivers(path, cluster="training", **critical) == "training-operators"
    assert alertmanager.receivers(path, cluster="alpha", **critical) == "on-call"


def test_the_forecast_is_in_time_and_the_documents_say_when() -> None:
    found = forecast.outcomes()
    print(forecast.table(found))
    for outcome in found:
        if outcome.exhausted is None:
            # A burst that would use up the rest within three days is told while it lasts.
            assert outcome.firing <= (1 if outcome.month.name == "burst" else 0), outcome
        else:
            assert outcome.fired is not None, outcome
            ahead = outcome.exhausted - outcome.fired
            assert ahead >= (3 / 24 if outcome.month.name == "burst_over" else 4), outcome
    assert forecast.table(found) in (ROOT / "docs/runbooks.md").read_text()
