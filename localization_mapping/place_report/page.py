"""Page ``report.html`` of a place: plan, coverage, residuals, corrections, scale, weak stretches, advice."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from localization_common.report import html, html_parts
from localization_common.report.style import house_style
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.grid import OccupancyGrid
from localization_mapping.place_report import charts, summary
from localization_mapping.place_report.advice import Advice, advice_for
from localization_mapping.place_report.corrections import corrections_of
from localization_mapping.place_report.coverage import Coverage, coverage_of
from localization_mapping.place_report.plan import CLOSURE, MARK, draw_plan, drive_color
from localization_mapping.place_report.sample_frames import sample_frames
from localization_mapping.place_report.stretches import Stretch, length_unit, weak_stretches

#: Width in pixels below which the page scrolls figures, for legible text.
_CHART_WIDTH = 620


def write_report(
    place: MappedPlace, grid: OccupancyGrid | None, path: Path, *, title: str = "Map of a place", footer: str = ""
) -> None:
    """Write the page, one file without any other; pictures of the drives are read for it.

    Args:
        place: the map.
        grid: occupancy grid; None if there is none.
        path: file to write.
        title: title of the page.
        footer: text below the page: command and commit.
    """
    stretches = [s for number, drive in enumerate(place.drives) for s in weak_stretches(number, drive)]
    located = any(drive.located.any() for drive in place.drives)
    coverage = coverage_of(place) if located else None
    advice = advice_for(place, grid, coverage, stretches)
    sections = [_summary(place, grid), _advice(advice)]
    if coverage is not None:
        sections += [_plan(place, grid, advice), _coverage(place, coverage, grid), _residuals(place, stretches)]
    sections += [*_odometry_and_scale(place), _weak(place, stretches), *_frames(place), *_notes(place)]
    frames = sum(len(drive.sequence) for drive in place.drives)
    drives = f"{len(place.drives)} drive{'s' if len(place.drives) != 1 else ''}"
    html.write_report(
        path, title=title, lead=f"Made from {drives} with {frames} frames.", sections=sections, footer=footer
    )


def _summary(place: MappedPlace, grid: OccupancyGrid | None) -> html.Section:
    alerts = []
    if not place.scale.metric:
        alerts.append(
            f"This map is not metric: its scale is {place.scale.source}. Distances below are in units without a scale, "
            "and the nodes refuse this place. Record wheel odometry or depth images, or give a known distance."
        )
    lost = [drive.sequence.name for drive in place.drives if not drive.located.any()]
    if lost:
        alerts.append(f"No frame could be located of: {', '.join(lost)}.")
    if grid is None:
        alerts.append("There is no occupancy grid; the notes below have the reason.")
    parts = [*(html_parts.Alert(text) for text in alerts), summary.summary(place, grid)]
    return html.Section("Summary", parts=parts)


def _advice(advice: list[Advice]) -> html.Section:
    if not advice:
        return html.Section("What to drive again", "Nothing: every way was driven in both directions and is located.")
    text = "Positions are x and y in the map, in the unit of the plan; the numbers are those on the plan."
    return html.Section("What to drive again", text, [html_parts.NumberedSentences([item.text for item in advice])])


def _plan(place: MappedPlace, grid: OccupancyGrid | None, advice: list[Advice]) -> html.Section:
    legend = [(drive_color(number), drive.sequence.name) for number, drive in enumerate(place.drives)]
    legend += [(CLOSURE, "loop closure")] if len(place.closures) else []
    legend += [(MARK, "advice")] if any(item.place for item in advice) else []
    caption = (
        "Seen from above; x points to the right. White: free, dark: occupied, grey: unknown. Arrowheads: keyframes and "
        "the direction of the camera. The pointer shows their times."
    )
    return html.Section("Plan", parts=[html_parts.Drawing(draw_plan(place, grid, advice), caption, legend)])


def _coverage(place: MappedPlace, coverage: Coverage, grid: OccupancyGrid | None) -> html.Section:
    both = f"{1.0 - coverage.one_way.mean():.0%}"
    text = f"{both} of the driven cells were driven in two opposite directions."
    caption = "Each disc shows the headings that the camera had there. Orange: without an opposite one."
    figure = charts.headings(coverage, grid, length_unit(place))
    return html.Section("Coverage", text, [html.Picture(_png(figure), caption)])


def _residuals(place: MappedPlace, stretches: list[Stretch]) -> html.Section:
    caption = (
        "Root mean square error of each frame's points in pixels of its image, and the number of points. Shaded: "
        "not located (orange), odometry only (brown), blurred (grey). Dotted: below it, points are few."
    )
    return html.Section(
        "Residuals", parts=[html.Picture(_png(charts.residuals(place, stretches)), caption, _CHART_WIDTH)]
    )


def _odometry_and_scale(place: MappedPlace) -> list[html.Section]:
    compared = {number: corrections_of(drive) for number, drive in enumerate(place.drives)}
    found = {number: one for number, one in compared.items() if one is not None}
    scale = html.Section("Scale", parts=[summary.scale_table(place, found)])
    if not found:
        return [html.Section("Odometry", "No drive has odometry."), scale]
    text = "Distance between the adjusted poses and the odometry alone, which starts at the first adjusted pose."
    picture = html.Picture(_png(charts.corrections(place, found)), "Corrections along each drive.", _CHART_WIDTH)
    return [html.Section("Odometry", text, [summary.corrections_table(place, found), picture]), scale]


def _weak(place: MappedPlace, stretches: list[Stretch]) -> html.Section:
    if not stretches:
        return html.Section("Weak stretches", "None.")
    return html.Section("Weak stretches", parts=[summary.stretches_table(place, stretches)])


def _frames(place: MappedPlace) -> list[html.Section]:
    figure = sample_frames(place)
    if figure is None:
        return []
    caption = "Keyframes; circles: points of the map."
    return [html.Section("Sample frames", parts=[html.Picture(_png(figure), caption, _CHART_WIDTH)])]


def _notes(place: MappedPlace) -> list[html.Section]:
    table = summary.notes(place)
    return [] if table is None else [html.Section("Assumptions and left-out input", parts=[table])]


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight", pad_inches=0.1)
    return buffer.getvalue()
