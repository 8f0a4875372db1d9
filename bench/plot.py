"""The picture of a run: a row of bars for each workload, the median of each pair.

Owns: what is drawn. Must not know: how it was measured. Needs matplotlib (`make bench` installs it).
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

#: Workload, metric, title; the longer bar is better for the first kind, the shorter for the second.
_MORE: Final = (
    ("bulk aes128-gcm", "down_MBps", "bulk aes128-gcm, down, MB/s"),
    ("bulk aes128-gcm", "up_MBps", "bulk aes128-gcm, up, MB/s"),
    ("bulk chacha20-poly1305", "down_MBps", "bulk chacha20-poly1305, down, MB/s"),
    ("bulk aes128-ctr hmac-etm", "down_MBps", "bulk aes128-ctr, hmac-sha2-256-etm, down, MB/s"),
    ("sessions", "at_once_per_s", "sessions/s, 32 in flight"),
    ("one-byte messages", "per_s", "one-byte messages/s"),
)
_LESS: Final = (
    ("logins", "p50_ms", "login, command and close, p50, ms"),
    ("key echo", "p50_us", "key echo, p50, µs"),
    ("500 idle connections", "kib_each", "an idle connection of 500, KiB"),
)
_COLOURS: Final = {"nacre": "#0b6e75", "asyncssh": "#d1843a", "paramiko": "#8d7bb0", "openssh": "#6a6a6a"}


def draw(path: Path, found: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    """Write an SVG file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "nacre"  # the same picture from the same rows
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    charts = [(*chart, "more is better") for chart in _MORE] + [(*chart, "less is better") for chart in _LESS]
    figure, places = plt.subplots(3, 3, figsize=(13, 9), constrained_layout=True)
    for place, (workload, metric, title, direction) in zip(places.flat, charts, strict=True):
        medians = {
            pair: statistics.median(values)
            for pair, rounds in found.get(workload, {}).items()
            if (values := [one[metric] for one in rounds if metric in one])
        }
        names = list(reversed(medians))
        bars = place.barh(names, [medians[name] for name in names], color=[_colour(name) for name in names])
        place.bar_label(
            bars,
            fmt="{:,.3g}" if max(medians.values(), default=0) < 100 else "{:,.0f}",
            padding=3,
            fontsize=8,
        )
        place.set_title(f"{title} ({direction})", fontsize=9)
        place.tick_params(labelsize=8)
        place.margins(x=0.18)
        place.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _colour(pair: str) -> str:
    first = pair.split(maxsplit=1)[0]
    return "#9fc7c9" if " to " in pair else _COLOURS.get(first, "#bbbbbb")
