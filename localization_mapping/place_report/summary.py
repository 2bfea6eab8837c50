"""Tables of a place's report: drives, map, scale, weak stretches, corrections, assumptions."""

from __future__ import annotations

import numpy as np

from localization_common.report import html
from localization_mapping.mapped_place import MappedDrive, MappedPlace
from localization_mapping.occupancy.grid import OccupancyGrid
from localization_mapping.place_report.corrections import Corrections
from localization_mapping.place_report.stretches import Stretch, length_unit

#: Largest number of stretches in the table; the longest are shown.
_MOST_STRETCHES = 30
#: Share of located frames from which on a drive is complete.
_COMPLETE = 0.99


def summary(place: MappedPlace, grid: OccupancyGrid | None) -> html.ValueTable:
    """Numbers of the drives, of the map and of the grid."""
    unit = length_unit(place)
    observations = len(place.tracks.point)
    rows = [
        html.Row("Keyframes", str(len(place.map_T_camera))),
        html.Row("Points", str(len(place.points)), f"{observations} observations"),
        html.Row("Loop closures", str(len(place.closures)), "pairs of keyframes; pink lines on the plan"),
    ]
    if grid is not None:
        area = grid.area.resolution**2
        rows.append(html.Row("Free floor", f"{grid.free.sum() * area:.1f} m²", f"cells of {grid.area.resolution:g} m"))
    drives = [_drive_row(drive, unit) for drive in place.drives]
    return html.ValueTable([("Drives: frames that are located", drives), ("Map", rows)])


def _drive_row(drive: MappedDrive, unit: str) -> html.Row:
    located, seen = drive.located, drive.located & (drive.inliers > 0)
    positions = drive.map_T_base[located, :2, 3]
    way = float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum())
    seconds = (drive.sequence.stamps[-1] - drive.sequence.stamps[0]) * 1e-9
    parts = [f"{seconds:.0f} s, {way:.1f} {unit}"]
    if seen.any():
        parts.append(
            f"residual {np.nanmedian(drive.residual[seen]):.2f} px and {np.median(drive.inliers[seen]):.0f} points"
        )
        parts[-1] += " in the median"
    if (located & ~seen).any():
        parts.append(f"{(located & ~seen).sum()} by odometry only")
    value = f"{located.sum()} of {len(located)}"
    return html.Row(drive.sequence.name, value, "; ".join(parts), bool(located.mean() >= _COMPLETE))


def scale_table(place: MappedPlace, corrections: dict[int, Corrections]) -> html.ValueTable:
    """Scale, its source and accuracy, and the length of each drive by the odometry."""
    scale = place.scale
    known = bool(np.isfinite(scale.std))
    rows = [
        html.Row("Unit", "metre" if scale.metric else "unknown", f"from: {scale.source}", scale.metric),
        html.Row("Standard deviation", f"{scale.std:.2%}" if known else "not known"),
    ]
    lengths = [
        html.Row(
            place.drives[number].sequence.name,
            f"{one.length_ratio:.4f}",
            "length in the map as a share of the odometry's length",
        )
        for number, one in corrections.items()
        if np.isfinite(one.length_ratio)
    ]
    return html.ValueTable([("Scale", rows), *([("Compared with the odometry", lengths)] if lengths else [])])


def corrections_table(place: MappedPlace, corrections: dict[int, Corrections]) -> html.ValueTable:
    """Largest correction of each drive, and that at its end."""
    rows, unit = [], length_unit(place)
    for number, one in corrections.items():
        end = f"{one.metres[-1]:.2f} {unit} and {one.degrees[-1]:.1f} deg at the end of {one.way[-1]:.1f} {unit}"
        remark = f"{end}; at most {one.degrees.max():.1f} deg"
        rows.append(html.Row(place.drives[number].sequence.name, f"{one.metres.max():.2f} {unit}", remark))
    return html.ValueTable([("Largest correction", rows)])


def stretches_table(place: MappedPlace, stretches: list[Stretch]) -> html.ValueTable:
    """Weak stretches with times and places, by drive; the longest ones if there are many."""
    kept = sorted(stretches, key=lambda s: (-s.frames, s.drive, s.start))[:_MOST_STRETCHES]
    groups = []
    for number, drive in enumerate(place.drives):
        rows = [_stretch_row(s) for s in sorted(kept, key=lambda s: s.start) if s.drive == number]
        groups += [(drive.sequence.name, rows)] if rows else []
    left_out = len(stretches) - len(kept)
    return html.ValueTable([*groups, (f"{left_out} shorter ones are not shown", [])] if left_out else groups)


def _stretch_row(stretch: Stretch) -> html.Row:
    frames = "1 frame" if stretch.frames == 1 else f"{stretch.frames} frames"
    where = f"around ({stretch.place[0]:.1f}, {stretch.place[1]:.1f})" if np.isfinite(stretch.place[0]) else ""
    remark = ", ".join(text for text in (stretch.weakness.value, stretch.detail, where) if text)
    return html.Row(f"{stretch.start:.1f} to {stretch.end:.1f} s", frames, remark)


def notes(place: MappedPlace) -> html.ValueTable | None:
    """Notes of the map, and assumptions and left-out input of the recordings; None if there are none."""
    groups = [("Map", [html.Row(note, "") for note in place.notes])]
    for drive in place.drives:
        account = drive.sequence.summary
        rows = [html.Row(sentence, "", "assumed") for sentence in account.assumed]
        rows += [html.Row(f"{part.what} left out", str(part.count), part.reason) for part in account.left_out]
        groups.append((f"Recording {drive.sequence.name}", rows))
    filled = [(title, rows) for title, rows in groups if rows]
    return html.ValueTable(filled) if filled else None
