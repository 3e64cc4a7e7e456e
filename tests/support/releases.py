"""Releases of Slurm in order, and what differs between them beside the tables."""

from __future__ import annotations

RELEASES = (
    "20.11", "21.08", "22.05", "23.02", "23.11",
    "24.05", "24.11", "25.05", "25.11", "26.05",
)  # fmt: skip


def index(release: str) -> int:
    """Position of a release, oldest 0. Raises ValueError for an unknown one."""
    if release not in RELEASES:
        raise ValueError(f"unknown Slurm release {release!r}; known: {', '.join(RELEASES)}")
    return RELEASES.index(release)


def at_least(release: str, other: str) -> bool:
    """True if `release` is `other` or newer."""
    return index(release) >= index(other)


def rpc_version(release: str) -> int:
    """Protocol version a slurmctld of this release registers with."""
    return (35 + index(release) + 1) << 8


def conversion_version(release: str) -> int:
    """Number in convert_version_table after this release's slurmdbd has started."""
    if at_least(release, "24.11"):
        return 16
    return {"20.11": 9, "21.08": 10, "22.05": 12, "23.02": 13}.get(release, 15)
