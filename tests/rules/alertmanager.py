"""The shipped Alertmanager configuration, as it is and with the coordinators of the README's example filled in."""

from __future__ import annotations

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/alertmanager"
BASE = FOLDER / "alertmanager.yml"
MARKERS = ("# slurmdbd_exporter: coordinator routes", "# slurmdbd_exporter: coordinator receivers")


def example() -> str:
    """The README's YAML block."""
    return (FOLDER / "README.md").read_text().split("```yaml\n")[1].split("```")[0]


def generated(text: str, marker: str) -> list[str]:
    """The lines after a marker that belong to the marker's list."""
    lines = text.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.strip() == marker]
    blanks = lines[at][: -len(marker)]
    found = []
    for line in lines[at + 1 :]:
        if not line.startswith((f"{blanks}- ", f"{blanks}  ")):
            break
        found.append(line)
    return found


def filled(base: str) -> str:
    """A base file with the example's lines, which must be indented as its own markers are."""
    for marker in MARKERS:
        lines = generated(example(), marker)
        (line,) = [line for line in base.splitlines() if line.strip() == marker]
        assert lines and lines[0].startswith(line[: -len(marker)] + "- "), marker
        base = base.replace(line + "\n", "\n".join([line, *lines]) + "\n")
    return base


def check(config: pathlib.Path) -> None:
    done = subprocess.run(["amtool", "check-config", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def receivers(config: pathlib.Path, **labels: str) -> str:
    """Who is told of an alert with these labels, joined by commas."""
    pairs = [f"{name}={value}" for name, value in labels.items()]
    command = ["amtool", "config", "routes", "test", f"--config.file={config}", *pairs]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
