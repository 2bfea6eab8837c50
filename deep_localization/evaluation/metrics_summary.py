"""Summary of metrics: a table for the terminal and the rows of the report, with aims if there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deep_localization.evaluation.scoring import HORIZON, RADIUS_M, Metrics
from localization_common.report.html import Row


@dataclass(frozen=True)
class Quantity:
    """Name and format of one metric: `form` formats the value times `factor`."""

    key: str
    name: str
    form: str
    factor: float = 1.0
    remark: str = ""


#: Aims: (upper, bound) or (lower, bound) by ``group.key``.
Aims = Mapping[str, tuple[str, float]]

#: Aims of the shipped checkpoints on the held-out loop of the apartment.
APARTMENT_AIMS: Aims = {
    "pose.median_m": ("at most", 0.20),
    "pose.median_deg": ("at most", 4.0),
    "odometry.rpe_percent": ("at most", 10.0),
    "odometry.rpe_deg_per_m": ("at most", 1.0),
    "segmentation.miou": ("at least", 0.70),
    "belief.success_rate": ("at least", 0.90),
}

AIMS: Mapping[str, Aims] = {
    "none": {},
    "apartment": APARTMENT_AIMS,
    "redkitchen": {"pose.median_m": ("at most", 0.16), "pose.median_deg": ("at most", 5.0)},
    "mapping": {
        "mapping.median_m": ("at most", 0.012),
        "mapping.median_deg": ("at most", 0.3),
        "mapping.scale_percent": ("at most", 0.5),
        "mapping.seconds": ("at most", 240.0),
        "mapping.answered": ("at least", 0.95),
        "pose.median_m": ("at most", 0.015),
        "pose.median_deg": ("at most", 0.3),
    },
}

_START = f"within {RADIUS_M} m after {HORIZON} frames from a uniform belief"

GROUPS: tuple[tuple[str, str, tuple[Quantity, ...]], ...] = (
    (
        "mapping",
        "Map, made without true poses",
        (
            Quantity("frames", "frames mapped", "{:.0f}"),
            Quantity("located", "frames located", "{:.1f} %", 100.0),
            Quantity("median_m", "position error, median", "{:.4f} m", remark="after the best rigid alignment"),
            Quantity("p95_m", "position error, 95th percentile", "{:.4f} m"),
            Quantity("median_deg", "rotation error, median", "{:.2f} deg"),
            Quantity("scale_percent", "scale error", "{:.2f} %", remark="without sign"),
            Quantity("seconds", "time from the recording to the map", "{:.0f} s"),
            Quantity("first_pose_s", "driving until the first pose", "{:.1f} s"),
            Quantity("answered", "frames with a published pose", "{:.1f} %", 100.0),
        ),
    ),
    (
        "pose",
        "Pose in the map (vlocnet)",
        (
            Quantity("median_m", "position error, median", "{:.3f} m"),
            Quantity("median_deg", "rotation error, median", "{:.2f} deg"),
            Quantity("within_5cm_5deg", "within 5 cm and 5 deg", "{:.1f} %", 100.0),
            Quantity("frames", "poses scored", "{:.0f}"),
        ),
    ),
    (
        "odometry",
        "Odometry (vlocnet)",
        (
            Quantity("rpe_percent", "translation drift", "{:.2f} %", remark="of the distance"),
            Quantity("rpe_deg_per_m", "rotation drift", "{:.2f} deg/m"),
        ),
    ),
    ("segmentation", "Labels (vlocnet)", (Quantity("miou", "mean intersection over union", "{:.3f}"),)),
    (
        "belief",
        "Belief (dmn)",
        (
            Quantity("median_m", "position error, median", "{:.3f} m", remark="all published poses"),
            Quantity("success_rate", "starts that converge", "{:.0f} %", 100.0, _START),
            Quantity("steps_to_converge", "frames to converge, median", "{:.0f}", remark="of those starts"),
        ),
    ),
    (
        "runtime",
        "Run time",
        (
            Quantity("frames_in", "frames delivered", "{:.0f}"),
            Quantity("frames_processed", "frames processed", "{:.0f}"),
            Quantity("frames_dropped", "frames dropped", "{:.0f}", remark="replaced by a newer one"),
            Quantity("latency_ms_p50", "latency, median", "{:.0f} ms"),
            Quantity("latency_ms_p95", "latency, 95th percentile", "{:.0f} ms"),
        ),
    ),
)


def meets(value: float, aim: tuple[str, float]) -> bool:
    """Return True if a value is within its bound."""
    direction, bound = aim
    return value <= bound if direction == "at most" else value >= bound


def shown(name: str, value: float) -> str:
    """Format a value with its unit.

    Args:
        name: name of the metric, ``group.key``.
        value: value as in ``metrics.json``.

    Raises:
        KeyError: no such metric is shown.
    """
    quantities = {f"{group}.{quantity.key}": quantity for group, _, several in GROUPS for quantity in several}
    return quantities[name].form.format(value * quantities[name].factor)


def rows(values: Metrics, aims: Aims) -> list[tuple[str, list[Row]]]:
    """Rows under headings; metrics and groups that were not scored and empty groups are left out."""
    groups = []
    for group, heading, quantities in GROUPS:
        if group not in values:
            continue
        shown = [_row(values[group][q.key], q, aims.get(f"{group}.{q.key}")) for q in quantities]
        scored = [row for row in shown if row is not None]
        # A group without frames has no result.
        if scored and values[group].get("frames") != 0:
            groups.append((heading, scored))
    return groups


def text(values: Metrics, aims: Aims) -> str:
    """Text of the rows for a terminal."""
    lines = []
    for heading, group in rows(values, aims):
        lines.append(heading)
        for row in group:
            verdict = "" if row.met is None else ("ok" if row.met else "MISSED")
            lines.append(f"  {row.name:<30}{row.value:>12}  {verdict:<6}  {row.remark}".rstrip())
    return "\n".join(lines)


def _row(value: float | int | None, quantity: Quantity, aim: tuple[str, float] | None) -> Row | None:
    if value is None:
        return None
    shown = quantity.form.format(value * quantity.factor)
    if aim is None:
        return Row(quantity.name, shown, quantity.remark)
    goal = f"aim: {aim[0]} {quantity.form.format(aim[1] * quantity.factor)}"
    remark = f"{quantity.remark}; {goal}" if quantity.remark else goal
    return Row(quantity.name, shown, remark, meets(value, aim))
