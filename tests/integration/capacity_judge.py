"""What a page says of clusters, nodes and reservations, in a form to compare."""

from __future__ import annotations

from tests.integration.samples import Samples

HOUR, DAY = 3600, 86_400
MB = 2**20
LIVE = "slurmdbd_cluster_usage_live_tres_seconds"
Figures = dict[tuple[str, ...], int]


def shown(page: Samples, name: str, *labels: str) -> Figures:
    """What is not 0."""
    return {tuple(have[label] for label in labels): int(value) for have, value in page.matching(name, cluster="alpha") if value}


def series(page: Samples, name: str) -> list[dict[str, str]]:
    return [dict(labels) for labels, _ in page.matching(name)]


def away(page: Samples) -> dict[str, tuple[str, str, int]]:
    """node -> state, reason, since."""
    return {
        have["node"]: (have["state"], have["reason"], int(value))
        for have, value in page.matching("slurmdbd_node_unavailable_since_timestamp_seconds")
    }


def reserved(page: Samples) -> dict[str, tuple[int, int, float | None]]:
    """name -> start, end, unused seconds."""
    found = {}
    for name in {have["reservation"] for have in series(page, "slurmdbd_reservation_info")}:
        start, end, unused = (
            page.value(f"slurmdbd_reservation_{what}", reservation=name)
            for what in ("start_timestamp_seconds", "end_timestamp_seconds", "unused_seconds")
        )
        found[name] = (int(start), int(end), unused)
    return found
