"""Plot of the benchmark of buildings: cost and accuracy over the area."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

_CURVES = (
    ("milliseconds a frame", (("lost_ms", "lost"), ("tracking_ms", "tracked")), 1.0),
    ("megabytes", (("megabytes", "map"), ("memory_mb", "memory of the process")), 1.0),
    (
        "percent",
        (("right_within", "right pose in 3 s"), ("confirmed", "confirmed once found")),
        100.0,
    ),
    ("centimetres", (("median_m", "median error of refined poses"),), 100.0),
)


def draw(floors: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw the curves of the office floors; the apartment is a ring."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9.0, 6.0), constrained_layout=True)
    offices = [f for name, f in floors.items() if name.startswith("office")]
    for axis, (unit, curves, factor) in zip(axes.ravel(), _CURVES, strict=True):
        for key, label in curves:
            known = [(f["area"], factor * f[key]) for f in offices if f[key] is not None]
            (line,) = axis.plot(*zip(*known, strict=True), "o-", label=label)
            other = floors.get("apartment")
            if other is not None and other[key] is not None:
                axis.plot([other["area"]], [factor * other[key]], "o", mfc="none", ms=11, color=line.get_color())
        axis.set(xscale="log", xlabel="area, m2", ylabel=unit, ylim=(0.0, None))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
