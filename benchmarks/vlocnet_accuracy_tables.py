"""Tables and aims of the benchmark of VLocNet++'s systems."""

from __future__ import annotations

from statistics import mean
from typing import Any

from benchmark_file import Cell, Column, Table, judged, over_seeds

Numbers = dict[str, Any]

#: Systems in the paper's order, the worst first.
ORDER = ("posenet", "vlocnet", "vlocnetpp_single", "vlocnetpp")
NO_WARPING = "no warping"
#: Names of the shipped network, and of PoseNet trained with as many drives and batches.
SHIPPED = "vlocnetpp, shipped"
POSENET_MORE = "posenet, as many drives and batches"

COLUMNS = (
    Column("system"),
    Column("position, median", "{:.3f}{} m"),
    Column("rotation, median", "{:.2f}{} deg"),
    Column("position from single frames, median", "{:.3f} m"),
    Column("within 5 cm, 5 deg", "{:.1f} %"),
    Column("within 25 cm, 5 deg", "{:.1f} %"),
    Column("translation drift", "{:.1f} %"),
    Column("rotation drift", "{:.2f} deg/m"),
    Column("mIoU", "{:.3f}"),
    Column("seeds", "{:d}"),
)


def tables(groups: dict[str, list[str]], results: dict[str, list[Numbers]]) -> list[Table]:
    """Make a table for each group of rows; means over the seeds, with their deviation."""
    return [Table(group, COLUMNS, [_row(name, results[name]) for name in rows]) for group, rows in groups.items()]


def _row(name: str, results: list[Numbers]) -> list[Cell]:
    def values(group: str, key: str, factor: float = 1.0) -> list[float]:
        return [factor * r[group][key] for r in results if group in r]

    def average(group: str, key: str, factor: float = 1.0) -> float | None:
        found = values(group, key, factor)
        return mean(found) if found else None

    return [
        name,
        over_seeds(values("pose", "median_m"), 3),
        over_seeds(values("pose", "median_deg"), 2),
        average("regressed", "median_m"),
        average("pose", "within_5cm_5deg", 100.0),
        average("pose", "within_25cm_5deg", 100.0),
        average("odometry", "rpe_percent"),
        average("odometry", "rpe_deg_per_m"),
        average("segmentation", "miou"),
        len(results),
    ]


def notes(results: dict[str, list[Numbers]]) -> dict[str, str]:
    """Compare the order of the systems with the paper's, and segmentation with and without the previous frame."""
    return _order(results) | _shipped(results) | _warping(results)


def _order(results: dict[str, list[Numbers]]) -> dict[str, str]:
    errors = {name: mean(r["pose"]["median_m"] for r in results[name]) for name in ORDER if name in results}
    if len(errors) < len(ORDER):
        return {}
    ranked = " > ".join(f"{name} {error:.3f} m" for name, error in sorted(errors.items(), key=lambda item: -item[1]))
    right = list(errors) == sorted(errors, key=lambda name: -errors[name])
    verdict = "the same" if right else "not the same"
    return {
        "order of the errors": f"{ranked}; the order of the paper is {' > '.join(ORDER)}: {verdict}",
        "error of PoseNet over error of VLocNet++: at least 3": _ratio(errors["posenet"], errors["vlocnetpp"]),
    }


def _shipped(results: dict[str, list[Numbers]]) -> dict[str, str]:
    if SHIPPED not in results or POSENET_MORE not in results:
        return {}
    errors = (results[name][0]["pose"]["median_m"] for name in (POSENET_MORE, SHIPPED))
    return {
        "error of PoseNet over error of the shipped VLocNet++, equal drives and batches: at least 3": _ratio(*errors)
    }


def _ratio(posenet: float, vlocnetpp: float) -> str:
    ratio = posenet / vlocnetpp
    return f"{ratio:.2f}: {judged(ratio >= 3.0)}"


def _warping(results: dict[str, list[Numbers]]) -> dict[str, str]:
    """Compare rows of one seed, because the row without warping has one."""
    if NO_WARPING not in results or ORDER[-1] not in results:
        return {}
    warped, alone = (results[name][0]["segmentation"]["miou"] for name in (ORDER[-1], NO_WARPING))
    return {"mIoU with warping: more than without": f"{warped:.4f} and {alone:.4f}: {judged(warped > alone)}"}
