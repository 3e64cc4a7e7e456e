"""The shipped rules in a real Prometheus and the shipped configuration in a real Alertmanager, with sinks for what it sends."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import shutil
import sys
import urllib.request
from collections.abc import Iterable

from tests.e2e import servers
from tests.e2e.sinks import Mail, MailSink, WebhookSink
from tests.rules import alertmanager
from tests.support.mariadb import free_port
from tests.support.slurm import wait_until

RULES = servers.ROOT / "deploy/prometheus/rules"
FASTER = 100  # 5 minutes are 3 seconds
PATIENCE = 60
ACCOUNTING, OPERATORS = "accounting@example.org", "operators@example.org"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def unavailable() -> str | None:
    missing = [name for name in ("prometheus", "prometheus-alertmanager", "amtool") if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed (deploy/packages.sh test)" if missing else None


def faster(text: str, keys: str) -> str:
    """Durations of these YAML keys divided by FASTER, at least a second."""
    return re.sub(
        rf"\b({keys}): (\d+)([smhd])\b",
        lambda found: f"{found[1]}: {max(1, int(found[2]) * UNITS[found[3]] // FASTER)}s",
        text,
    )


class Monitoring:
    """Prometheus that scrapes `targets`, Alertmanager with this configuration, and the sinks. Waiting times are shorter, all by
    the same factor."""

    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack, targets: Iterable[str], routes: str) -> None:
        self.mail, self.pager = MailSink(), WebhookSink()
        for server in (self.mail, self.pager):
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        self.alertmanager = f"http://127.0.0.1:{free_port()}"
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        self._start_alertmanager(folder, stack, routes)
        self._start_prometheus(folder, stack, targets)

    def _start_alertmanager(self, folder: pathlib.Path, stack: contextlib.ExitStack, routes: str) -> None:
        shutil.copytree(alertmanager.FOLDER / "templates", folder / "templates")
        text = faster(routes, "group_wait|group_interval")
        for old, new in (("localhost:25", self.mail.address), ("http://localhost:9095/", self.pager.url)):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        config = folder / "alertmanager.yml"
        config.write_text(text)
        alertmanager.check(config)
        process = servers.Process(
            [
                "prometheus-alertmanager",
                f"--config.file={config}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={self.alertmanager.removeprefix('http://')}",
                "--cluster.listen-address=",
            ],
            folder / "alertmanager.log",
        )
        stack.callback(process.stop)
        process.wait_for(f"{self.alertmanager}/-/ready")

    def _start_prometheus(self, folder: pathlib.Path, stack: contextlib.ExitStack, targets: Iterable[str]) -> None:
        (folder / "rules").mkdir()
        for path in RULES.glob("*.yml"):
            (folder / "rules" / path.name).write_text(faster(path.read_text(), "for|keep_firing_for"))
        quoted = ", ".join(f"'{target}'" for target in targets)
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
            "rule_files: [rules/*.yml]\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{self.alertmanager.removeprefix('http://')}']}}]}}]}}\n"
            "scrape_configs:\n"
            f"- {{job_name: slurmdbd, honor_labels: true, static_configs: [{{targets: [{quoted}]}}]}}\n"
        )
        process = servers.Process(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={self.prometheus.removeprefix('http://')}",
                "--log.level=warn",
            ],
            folder / "prometheus.log",
        )
        stack.callback(process.stop)
        process.wait_for(f"{self.prometheus}/-/ready")

    def active(self) -> dict[tuple[str, str], list[str]]:
        """Alertmanager's alerts: (name, cluster and what it is about) -> by what they are inhibited."""
        with urllib.request.urlopen(f"{self.alertmanager}/api/v2/alerts", timeout=10) as answer:
            found = json.load(answer)
        about = ("account", "user", "qos", "collector")
        return {
            (alert["labels"]["alertname"], "/".join(alert["labels"][name] for name in ("cluster", *about) if name in alert["labels"])): alert[
                "status"
            ]["inhibitedBy"]
            for alert in found
        }

    def wait_for_mail(self, to: str, subject: str, *parts: str, since: int = 0) -> Mail:
        """The first mail to this address with this subject and all these parts in its text, after the first `since` ones."""

        def find() -> Mail | None:
            for mail in self.mail.mails[since:]:
                if to in mail.to and mail.subject == subject and all(part in mail.text for part in parts):
                    return mail
            return None

        try:
            return wait_until(find, f"a mail to {to}: {subject}", PATIENCE)  # type: ignore[return-value]
        except Exception:
            print(*self.mail.mails, self.active(), sep="\n", file=sys.stderr)
            raise

    def mails_to(self, to: str) -> list[Mail]:
        return [mail for mail in self.mail.mails if to in mail.to]
