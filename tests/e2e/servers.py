"""The exporter and a Prometheus that scrapes it, as processes of a test."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence

from prometheus_client import parser as text_parser

from tests.support import slurm as slurm_support
from tests.support.mariadb import PASSWORDS, PrivateMariaDB
from tests.support.slurm import die_with_parent

USER = "slurmdbd_exporter"  # of the database
ROOT = pathlib.Path(__file__).resolve().parents[2]
MIB = 2**20
Totals = dict[tuple[str, ...], int]


class ServerError(RuntimeError):
    """A program ended with an error, or does not answer."""


def exporter_binary() -> pathlib.Path | None:
    """$SLURMDBD_EXPORTER, or the release build, or the newest build there is."""
    given = os.environ.get("SLURMDBD_EXPORTER")
    if given:
        return pathlib.Path(given).resolve()
    release = ROOT / "build/release/exporter/slurmdbd_exporter"
    built = sorted(ROOT.glob("build/*/exporter/slurmdbd_exporter"), key=lambda path: path.stat().st_mtime)
    return release if release.exists() else built[-1] if built else None


def unavailable() -> str | None:
    """Why a real Slurm, the exporter and a Prometheus cannot be run here, or None."""
    if reason := slurm_support.unavailable():
        return reason
    binary = exporter_binary()
    if binary is None or not binary.exists():
        return "no exporter: build it, or name it in SLURMDBD_EXPORTER"
    missing = [program for program in ("prometheus", "promtool") if shutil.which(program) is None]
    return f"{', '.join(missing)} not installed (deploy/packages.sh test)" if missing else None


def password_file(folder: pathlib.Path) -> pathlib.Path:
    """The exporter's password in a file of its own."""
    path = folder / "password"
    path.touch(mode=0o600)
    path.write_text(PASSWORDS[USER] + "\n")
    return path


def database_flags(database: PrivateMariaDB, folder: pathlib.Path) -> dict[str, object]:
    """How the exporter reaches a database whose clusters live in UTC; its password is put into the folder."""
    return {
        "database.socket": database.socket,
        "database.name": database.database,
        "database.user": USER,
        "database.password-file": password_file(folder),
        "timezone": "UTC",
    }


def rfc3339(instant: int) -> str:
    return datetime.datetime.fromtimestamp(instant, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def integer(value: float) -> int:
    """A sample that counts things or seconds. Raises if there is a fraction or if a double cannot be exact."""
    if value != int(value) or abs(value) >= 2**53:
        raise ServerError(f"{value!r} is not an exact whole number")
    return int(value)


def in_slurms_units(labels: Mapping[str, str], value: float) -> int:
    """Whole MiB of memory, where the page has bytes."""
    return integer(value / MIB if labels.get("tres") == "mem" else value)


@dataclasses.dataclass(frozen=True)
class Page:
    """A page in Prometheus' text format."""

    text: str

    @functools.cached_property
    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Name -> labels and value."""
        found: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for family in text_parser.text_string_to_metric_families(self.text):
            for sample in family.samples:
                found[sample.name].append((sample.labels, sample.value))
        return found

    def totals(self, metric: str, by: Sequence[str]) -> Totals:
        """The samples of a metric, summed up by these labels."""
        sums: Totals = {}
        for labels, value in self.samples[metric]:
            key = tuple(labels[label] for label in by)
            sums[key] = sums.get(key, 0) + integer(value)
        return sums

    def figures(self, metric: str, *by: str, **where: str) -> Totals:
        """The samples of a metric with these labels, one for each of the values of others, in whole numbers of Slurm's units: MiB of memory."""
        found: Totals = {}
        for labels, value in self.samples[metric]:
            if any(labels[label] != wanted for label, wanted in where.items()):
                continue
            key = tuple(labels[label] for label in by)
            if key in found:
                raise ServerError(f"{metric}{labels}: {key} twice")
            found[key] = in_slurms_units(labels, value)
        return found

    def sums(self, metric: str, by: Sequence[str]) -> dict[tuple[str, ...], float]:
        """The same of numbers that need not be whole."""
        sums: dict[tuple[str, ...], float] = {}
        for labels, value in self.samples[metric]:
            key = tuple(labels[label] for label in by)
            sums[key] = sums.get(key, 0) + value
        return sums

    def lines(self, metric: str, labels: Mapping[str, str]) -> list[str]:
        """The lines of a metric that carry these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return [
            line
            for line in self.text.splitlines()
            if line.startswith(metric + "{") and all(pair in line for pair in wanted)
        ]


class Process:
    """A server with its output in a file, which ends with the test however that ends."""

    def __init__(self, command: Sequence[str], log: pathlib.Path) -> None:
        self.log = log
        self._output = open(log, "wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, preexec_fn=die_with_parent
        )

    def wait_for(self, url: str, seconds: float = 20) -> None:
        """Waits until the address answers 200."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise ServerError(f"{url}: {error}\n{self.tail()}") from None
            time.sleep(0.1)

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._output.close()


class Exporter:
    """Runs the exporter against a database: once() for one page, start() to serve."""

    def __init__(self, folder: pathlib.Path, port: int, flags: Mapping[str, object]) -> None:
        self.folder, self.port = folder, port
        self._flags = [f"--{name}={value}" for name, value in flags.items()]
        self._served: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def once(self, as_of: int) -> Page:
        """The page as of an instant, with nothing left to settle."""
        command = [str(exporter_binary()), "--once", f"--as-of={rfc3339(as_of)}", *self._flags]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise ServerError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return Page(done.stdout)

    def start(self, **flags: object) -> None:
        more = [f"--{name.replace('__', '.').replace('_', '-')}={value}" for name, value in flags.items()]
        self._served = Process(
            [str(exporter_binary()), f"--web.listen-address=127.0.0.1:{self.port}", *self._flags, *more],
            self.folder / "exporter.log",
        )
        self._served.wait_for(f"{self.url}/metrics")

    def scrape(self, accept: str = "text/plain") -> str:
        request = urllib.request.Request(f"{self.url}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            content_type = answer.headers["Content-Type"]
            if not content_type.startswith(accept.split(";")[0]):
                raise ServerError(f"asked for {accept}, got {content_type}")
            return answer.read().decode()

    def log_tail(self) -> str:
        return self._served.tail() if self._served else ""

    def stop(self) -> None:
        if self._served:
            code = self._served.stop()
            tail, self._served = self._served.tail(), None
            if code != 0:
                raise ServerError(f"the exporter ended with {code}:\n{tail}")


class Prometheus:
    """A Prometheus that scrapes one address every second."""

    def __init__(self, folder: pathlib.Path, port: int, target: str) -> None:
        self.folder, self.port = folder, port
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n"
            f"- {{job_name: slurmdbd, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}\n"
        )
        self._process = Process(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            folder / "prometheus.log",
        )

    def wait_until_ready(self) -> None:
        self._process.wait_for(f"http://127.0.0.1:{self.port}/-/ready")

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        address = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise ServerError(f"{expression}: {error.read().decode()}") from None
        return [(series["metric"], float(series["value"][1])) for series in result]

    def totals(self, metric: str, by: Sequence[str]) -> Totals:
        answer = self.query(f"sum by ({', '.join(by)}) ({metric})")
        return {tuple(labels.get(label, "") for label in by): integer(value) for labels, value in answer}

    def stop(self) -> None:
        self._process.stop()
