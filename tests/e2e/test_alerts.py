"""From a metric to a mail: the shipped rules in a real Prometheus, the shipped configuration in a real Alertmanager.

    python3 -m tests.e2e.test_alerts           # 0 well, 1 something differs, 77 it cannot be run here

Pages made up here stand in for two exporters; a mail server and a webhook made here take what Alertmanager sends. Rules, routes,
inhibitions and mail templates are the shipped ones, with the README's example of coordinators filled in; only waiting
times are shorter, all by the same factor.
"""

from __future__ import annotations

import contextlib
import http.server
import pathlib
import sys
import tempfile
import threading

from tests.e2e.monitoring import ACCOUNTING, OPERATORS, PATIENCE, Monitoring, unavailable
from tests.rules import alertmanager
from tests.support.slurm import wait_until

COORDINATOR = "alice@example.org"


class Page(http.server.ThreadingHTTPServer):
    """A metrics page of one cluster, as an exporter would serve it."""

    daemon_threads = True

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.database = True
        self.used: dict[str, float] = {}  # labels of a quota of 360000 -> used
        super().__init__(("127.0.0.1", 0), _PageHandler)
        self.address = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def text(self) -> str:
        one = f'{{cluster="{self.cluster}"}}'
        lines = [f"slurmdbd_up {int(self.database)}", f"slurmdbd_exporter_cluster_success{one} {int(self.database)}"]
        lines.append(f'slurmdbd_scrape_collector_success{{collector="quota"}} {int(self.database)}')
        if self.database:
            lines += [f"slurmdbd_quota_usage_exact{one} 1", f"slurmdbd_quota_period_start_timestamp_seconds{one} 1e9"]
            lines.append(f'slurmdbd_account_info{{cluster="{self.cluster}",account="physics",path="/physics"}} 1')
            for user, used in (("carol", 75), ("dave", 25)):
                labels = f'cluster="{self.cluster}",account="physics",user="{user}",tres="cpu",period="month"'
                lines.append(f"slurmdbd_user_usage_tres_seconds{{{labels}}} {used}")
            for labels, used in self.used.items():
                prefix = "slurmdbd_qos_quota" if labels.startswith("qos=") else "slurmdbd_quota"
                named = f'cluster="{self.cluster}",{labels}'
                lines += [f"{prefix}_limit_tres_seconds{{{named}}} 360000", f"{prefix}_used_tres_seconds{{{named}}} {used}"]
        return "\n".join(lines) + "\n"


class _PageHandler(http.server.BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:  # noqa: N802, the base class's name
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.server.text().encode())

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""


class Site(Monitoring):
    """With pages made up here."""

    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack) -> None:
        self.pages = {name: Page(name) for name in ("alpha", "beta")}
        for page in self.pages.values():
            stack.callback(page.server_close)
            stack.callback(page.shutdown)
        routes = alertmanager.filled(alertmanager.BASE.read_text())
        super().__init__(folder, stack, [page.address for page in self.pages.values()], routes)


def warnings_reach_who_they_concern(site: Site) -> None:
    alpha = site.pages["alpha"]
    alpha.used['account="physics",tres="cpu"'] = 306000  # 85 %
    alpha.used['account="physics",user="carol",tres="gres/gpu"'] = 342000  # 95 %
    alpha.used['account="orphan",tres="cpu"'] = 288000  # 80 %
    alpha.used['qos="long",tres="wall"'] = 300000
    alpha.used['account="bio.chem",tres="cpu"'] = 287999
    mail = site.wait_for_mail(COORDINATOR, "Quota of account physics in cluster alpha", "85%", "95%")
    for part in (
        "Account physics in cluster alpha has used 85% of its quota of cpu.\n\n  Used:       85 of 100 core-hours\n  Runs out:   on ",
        "Most used by, this month: carol (75%), dave (25%)",
        "Account physics, user carol in cluster alpha has used 95% of its quota of gres/gpu. When nothing is left",
        "Used:       95 of 100 GPU-hours",
        "What to do: https://example.org/slurmdbd_exporter/docs/runbooks.md#slurmdbdquotahigh",
    ):
        assert part in mail.text, (part, mail.text)
    site.wait_for_mail(ACCOUNTING, "Quota of account orphan in cluster alpha", "has used 80% of its quota of cpu")
    site.wait_for_mail(OPERATORS, "Quota of QOS long in cluster alpha", "QOS long in cluster alpha has used 83.33% of its quota of wall.")
    assert {mail.subject for mail in site.mails_to(COORDINATOR)} == {"Quota of account physics in cluster alpha"}
    assert not site.mails_to("bob@example.org")
    # Of the user's quota only the worse alert is told, and it silences nothing of the account's own quota.
    wait_until(lambda: site.active()["SlurmdbdQuotaHigh", "alpha/physics/carol"], "inhibition", PATIENCE)
    assert not site.active()["SlurmdbdQuotaHigh", "alpha/physics"]
    print("warnings: coordinators, accounting and operators got theirs")
    print("\n".join("    " + line for line in mail.text.splitlines()))


def the_worst_silences_the_rest(site: Site) -> None:
    page = site.pages["alpha"]
    before = len(site.mail.mails)
    page.used['account="physics",tres="cpu"'] = 363600
    site.wait_for_mail(OPERATORS, "Quota of account physics in cluster alpha", "has used 101% of its quota of cpu", since=before)
    mail = site.wait_for_mail(COORDINATOR, "Quota of account physics in cluster alpha", "may end the running ones", since=before)
    assert "Runs out:   nothing is left" in mail.text, mail.text
    active = site.active()
    for name in ("SlurmdbdQuotaHigh", "SlurmdbdQuotaNearlyExhausted"):
        assert active[name, "alpha/physics"], (name, active)
    assert not active["SlurmdbdQuotaExceeded", "alpha/physics"]
    assert not active["SlurmdbdQuotaHigh", "alpha/orphan"], "another account's alert is silenced"
    # Everything that has been told, again, when something else of this account comes up.
    before = len(site.mail.mails)
    page.used['account="physics",user="dave",tres="cpu"'] = 300000
    mail = site.wait_for_mail(COORDINATOR, "Quota of account physics in cluster alpha", "user dave", since=before)
    assert "101%" in mail.text and mail.text.count("\n  Used:") == 3, mail.text
    print("exceeded: operators and coordinators got it, and the warnings before it are silent")


def what_is_over_is_said(site: Site) -> None:
    before = len(site.mail.mails)
    site.pages["alpha"].used = {'account="orphan",tres="cpu"': 288000}
    mail = site.wait_for_mail(COORDINATOR, "Over: quota of account physics in cluster alpha", since=before)
    assert "No longer so:\n\n  Account physics" in mail.text, mail.text
    site.wait_for_mail(OPERATORS, "Over: quota of QOS long in cluster alpha", "No longer so", since=before)
    print("resolved: those who were told before were told so")


def a_lost_database_is_one_alert(site: Site) -> None:
    alpha, beta = site.pages["alpha"], site.pages["beta"]
    lost = {"instance": alpha.address, "alertname": "SlurmdbdDatabaseUnreachable"}
    before = len(site.mail.mails)
    alpha.database = False
    wait_until(lambda: site.pager.told("firing", **lost), "the page", PATIENCE)
    wait_until(lambda: site.active().get(("SlurmdbdCollectorFailing", "quota")), "the collector's alert, inhibited", PATIENCE)
    wait_until(lambda: site.active().get(("SlurmdbdClusterUnwatched", "alpha")), "the cluster's alert, inhibited", PATIENCE)
    # The quota's alert ends for want of numbers. Another cluster's mail, of later, shows that no mail says so.
    wait_until(lambda: ("SlurmdbdQuotaHigh", "alpha/orphan") not in site.active(), "the end of the quota's alert", PATIENCE)
    beta.used['account="orphan",tres="cpu"'] = 300000
    site.wait_for_mail(ACCOUNTING, "Quota of account orphan in cluster beta", since=before)
    told = [mail.subject for mail in site.mail.mails[before:]]
    assert told == ["Quota of account orphan in cluster beta"], told
    assert {alert["labels"]["alertname"] for alert in site.pager.alerts} == {"SlurmdbdDatabaseUnreachable"}, site.pager.alerts
    alpha.database = True
    wait_until(lambda: site.pager.told("resolved", **lost), "the end of the page", PATIENCE)
    print("database: one page, and no mail that says a quota were well again")


def a_lost_exporter_is_one_alert(site: Site) -> None:
    alpha = site.pages["alpha"]
    known = len(site.pager.alerts)
    alpha.shutdown()
    alpha.server_close()
    down = {"instance": alpha.address, "alertname": "SlurmdbdExporterDown"}
    wait_until(lambda: site.pager.told("firing", **down), "the page", PATIENCE)
    wait_until(lambda: site.active().get(("SlurmdbdClusterUnwatched", "alpha")), "the cluster's alert, inhibited", PATIENCE)
    assert {alert["labels"]["alertname"] for alert in site.pager.alerts[known:]} == {"SlurmdbdExporterDown"}
    print("exporter: one page")


def main() -> int:
    if reason := unavailable():
        print(reason)
        return 77
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-alerts-")))
        site = Site(folder, stack)
        warnings_reach_who_they_concern(site)
        the_worst_silences_the_rest(site)
        what_is_over_is_said(site)
        a_lost_database_is_one_alert(site)
        a_lost_exporter_is_one_alert(site)
    print("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
