"""Tables and aims of the benchmark of unseen homes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from benchmark_file import Cell, Column, Table, judged

Numbers = dict[str, Any]

#: Headings of the numbers of one place, and their keys.
_ONE, _TEN, _WEIGHED = "one_step_global", "sequential_global_camera_frames", "sequential_global_weighed_frames"
_SHARES = (
    ("one image, mean", _ONE, "success_mean"),
    ("one image, most likely", _ONE, "success_most_likely"),
    ("10 frames, mean", _TEN, "success_mean"),
    ("10 weighed frames, mean", _WEIGHED, "success_mean"),
    ("closest context", "closest_context", "success"),
    ("uninformed", "uninformed", "success"),
)
#: Aims of the best network in per cent: one image, ten frames, and the lead of ten frames over the closest context.
_AIMS = {"one image": (_ONE, 85.0), "10 frames": (_TEN, 98.0)}
_LEAD = 15.0


def tables(numbers: dict[str, dict[str, Numbers]]) -> list[Table]:
    """Make a table of means and one of all places, for each group of places.

    Args:
        numbers: rows by group, then by ``place, network``.
    """
    found = []
    for group, rows in numbers.items():
        if len(rows) > 4:
            found.append(_means(group, rows))
        found.append(_places(group, rows))
    return found


def _means(group: str, rows: dict[str, Numbers]) -> Table:
    columns = [
        Column("network"),
        Column("places", "{:d}"),
        *(Column(name, "{:.1f} ± {:.1f} %") for name, *_ in _SHARES),
    ]
    columns += [Column("kidnapped: found after 20 frames", "{:.1f} ± {:.1f} %"), Column("frames, median", "{:.0f}")]
    cells = []
    for network in _networks(rows):
        accepted = [row for row in _of(rows, network) if "refused" not in row]
        row: list[Cell] = [network, len(accepted)]
        row += [_interval([100.0 * r[setting][key] for r in accepted]) for _, setting, key in _SHARES]
        trials = [[trial["near"] for trial in r["kidnapped"]] for r in accepted]
        row.append(_interval([100.0 * float(np.mean(t)) for t in trials]))
        frames = [trial["frames"] for r in accepted for trial in r["kidnapped"]]
        row.append(float(np.median(frames)) if frames else None)
        cells.append(row)
    return Table(f"{group}: means over the places, with 95 % intervals", columns, cells)


def _places(group: str, rows: dict[str, Numbers]) -> Table:
    columns = [Column("place, network"), Column("kind"), *(Column(name, "{:.0f} %") for name, *_ in _SHARES)]
    columns += [Column("10 weighed frames, median", "{:.2f} m"), Column("heading", "{:.1f} deg")]
    cells: list[list[Cell]] = []
    for name, row in rows.items():
        if "refused" in row:
            cells.append([name, "camera refused", *[None] * (len(columns) - 2)])
            continue
        shares: list[Cell] = [100.0 * row[setting][key] for _, setting, key in _SHARES]
        cells.append([name, _kind(row), *shares, row[_WEIGHED]["median_m"], row[_WEIGHED]["median_deg"]])
    return Table(f"{group}: each place", columns, cells)


def _kind(row: Numbers) -> str:
    if "seed" not in row:
        return f"map of {row['map_frames'][1]} frames, {row['frames'][1]} of {row['frames'][0]} localized"
    words = [f"calm {row['calm']:g}", f"{row['lens_deg']:g} deg", f"{row['height_m']:g} m"]
    words += [f"tilt {row['tilt_deg']:g} deg"] if row["tilt_deg"] else []
    words += ["twin room"] if row["twin_room"] else []
    words += [row["light"].replace("_", " ")] if row["light"] != "standard" else []
    return ", ".join(words)


def notes(numbers: dict[str, dict[str, Numbers]], network: str) -> dict[str, str]:
    """Compare a network with the aims, in the first group of places."""
    group, rows = next(iter(numbers.items()))
    accepted = [row for row in _of(rows, network) if "refused" not in row]
    if not accepted:
        return {}
    noted = {}
    for name, (setting, aim) in _AIMS.items():
        value = 100.0 * float(np.mean([row[setting]["success_mean"] for row in accepted]))
        noted[f"{network}, {group}, {name}: at least {aim:g} %"] = f"{value:.1f} %: {judged(value >= aim)}"
    for name, setting in (("one image", _ONE), ("10 frames", _TEN)):
        lead = 100.0 * float(
            np.mean([row[setting]["success_mean"] - row["closest_context"]["success"] for row in accepted])
        )
        noted[f"{network}, {group}, {name}, ahead of the closest context: at least {_LEAD:g} points"] = (
            f"{lead:+.1f} points: {judged(lead >= _LEAD)}"
        )
    return noted


def _networks(rows: dict[str, Numbers]) -> list[str]:
    return list(dict.fromkeys(name.rpartition(", ")[2] for name in rows))


def _of(rows: dict[str, Numbers], network: str) -> list[Numbers]:
    return [row for name, row in rows.items() if name.rpartition(", ")[2] == network]


def _interval(values: list[float]) -> Cell:
    """Mean and half of the 95 % interval by Student's distribution."""
    if len(values) < 2:
        return None
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return [float(np.mean(values)), float(half)]
