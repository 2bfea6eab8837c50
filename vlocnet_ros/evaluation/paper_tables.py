"""Tables of the paper as Markdown, aligned for a terminal. Published numbers are marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vlocnet_ros.evaluation import published_results

_NONE = "-"


def seven_scenes_text(numbers: dict[str, Any]) -> str:
    """Return the table of 7-Scenes from the JSON of `tables.measure`: one row per scene, then their average.

    The published average is included only if all seven scenes were measured.
    """
    reported, measured = numbers["published"], numbers["measured"]
    head = ["scene", "frames", "median pose error", "5 cm, 5 deg", "odometry"]
    head += [f"published: {method}" for method in reported] + ["published: odometry"]
    rows = [head]
    for scene, values in measured.items():
        cells = [scene, str(values["frames"]), *_measured(values.get("pose", {}) | values.get("odometry", {}))]
        rows.append(cells + _published(reported, scene))
    mean = [f"average of {len(measured)}", "", *_measured(numbers["average"])]
    rows.append(mean + _published(reported, "average" if set(published_results.SCENES) == set(measured) else ""))
    truth = {"original": "original poses (KinectFusion)", "sfm": "SfM pseudo ground truth"}[numbers["poses"]]
    note = f"Published numbers: {published_results.SOURCE}, with the original poses; not measured here."
    return "\n".join([f"7-Scenes, {truth}, test sequences of each scene", "", *_markdown(rows), "", note])


def deeploc_text(numbers: dict[str, Any]) -> str:
    """Return the tables of DeepLoc from the JSON of `tables.measure`: this checkpoint, other methods, its classes."""
    values = numbers["measured"]["test"]
    own = values.get("pose", {}) | values.get("odometry", {}) | values.get("segmentation", {})
    methods = {f"{values['checkpoint']}, {values['frames']} frames": own}
    methods |= {f"published: {method}": row for method, row in numbers["published"].items()}
    rows = [["method", "median pose error", "odometry", "mIoU"]]
    rows += [[name, _pose(row), _odometry(row), _iou(row.get("miou"))] for name, row in methods.items()]
    note = f"Published numbers: {published_results.SOURCE}; not measured here."
    lines = ["DeepLoc, test", "", *_markdown(rows), "", note]
    if "segmentation" in values:
        iou = values["segmentation"]["iou"]
        lines += ["", *_markdown([["class", "IoU"], *([name, _iou(value)] for name, value in iou.items())])]
    return "\n".join(lines)


def _measured(row: dict[str, Any]) -> list[str]:
    return [_pose(row), _percent(row.get("within_5cm_5deg")), _odometry(row)]


def _published(reported: dict[str, Any], scene: str) -> list[str]:
    rows = [methods.get(scene, {}) for methods in reported.values()]
    shares = [f" ({_percent(row['within_5cm_5deg'])})" if row.get("within_5cm_5deg") else "" for row in rows]
    return [_pose(row) + share for row, share in zip(rows, shares, strict=True)] + [_odometry(rows[-1])]


def _pose(row: dict[str, Any]) -> str:
    return _NONE if row.get("median_m") is None else f"{row['median_m']:.3g} m, {row['median_deg']:.3g} deg"


def _odometry(row: dict[str, Any]) -> str:
    return _NONE if row.get("rpe_percent") is None else f"{row['rpe_percent']:.3g} %, {row['rpe_deg_per_m']:.3g} deg/m"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100.0 * share:.1f} %"


def _iou(share: float | None) -> str:
    return _NONE if share is None else f"{100.0 * share:.2f} %"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose first row is its head; a column has the same width in all lines."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
