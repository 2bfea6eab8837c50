"""Plan of a place as SVG: the grid, the ways of all drives, keyframes, loop closures, and marks of the advice."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from xml.sax.saxutils import escape

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.report.style import INK, MUTED, PAPER
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.grid import OccupancyGrid
from localization_mapping.place_report.advice import Advice
from localization_mapping.place_report.stretches import seconds_of

Array = npt.NDArray[np.float64]

#: Colours of drives (Okabe and Ito), and of loop closures and marks.
DRIVES = ("#0072b2", "#d55e00", "#009e73", "#8e4585", "#56b4e9", "#b36b00")
CLOSURE, MARK = "#cc79a7", "#a03300"
#: Grey values of free, occupied and unknown cells.
_FREE, _OCCUPIED, _UNKNOWN = 255, 60, 228
#: Length of the drawing's longer side, and of letters and marks.
_SIDE, _LETTER = 1000.0, 22.0
#: Space around what is drawn, as a share of the longer side, and the shorter side's least share of it.
_MARGIN, _LEAST = 0.05, 0.3


def drive_color(number: int) -> str:
    """Colour of a drive."""
    return DRIVES[number % len(DRIVES)]


class Plan:
    """Drawing of the map from above, x to the right and y up; its longer side has a fixed length.

    Args:
        points: (N, 2) all that must be visible.
    """

    def __init__(self, points: Array) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        extent = max(float((high - low).max()), 1e-3)
        half = np.maximum((high - low) / 2 + _MARGIN * extent, _LEAST / 2 * extent)
        self._low, self._high = (low + high) / 2 - half, (low + high) / 2 + half
        self._scale = _SIDE / float(2.0 * half.max())
        self._ground, self._parts = "", list[str]()

    def at(self, points: Array) -> Array:
        """Coordinates (N, 2) in the drawing of points (N, 2) of the map."""
        return np.column_stack([points[:, 0] - self._low[0], self._high[1] - points[:, 1]]) * self._scale

    def grid(self, grid: OccupancyGrid) -> None:
        """Draw the cells of the grid."""
        image = np.full(grid.cells.shape, _UNKNOWN, np.uint8)
        image[grid.free], image[grid.occupied] = _FREE, _OCCUPIED
        png = base64.b64encode(cv2.imencode(".png", image[::-1])[1].tobytes()).decode("ascii")
        min_x, min_y, max_x, max_y = grid.area.bounds
        (x, y), (end_x, end_y) = self.at(np.array([[min_x, max_y], [max_x, min_y]]))
        self._ground = (
            f'<image x="{x:.1f}" y="{y:.1f}" width="{end_x - x:.1f}" height="{end_y - y:.1f}" '
            f'style="image-rendering:pixelated" preserveAspectRatio="none" href="data:image/png;base64,{png}"/>'
        )

    def way(self, positions: Array, color: str, title: str) -> None:
        """Draw a line through positions (M, 2), broken where they are NaN."""
        pieces: list[str] = []
        for x, y in self.at(positions):
            known = np.isfinite(x)
            follows = bool(pieces) and pieces[-1] != ""
            pieces.append(f"{'L' if follows else 'M'}{x:.0f} {y:.0f}" if known else "")
        self._parts.append(
            f'<path d="{"".join(pieces)}" fill="none" stroke="{color}" stroke-width="2.2" stroke-linejoin="round" '
            f'vector-effect="non-scaling-stroke"><title>{escape(title)}</title></path>'
        )

    def lines(self, starts: Array, ends: Array, color: str, titles: Iterable[str]) -> None:
        """Draw thin lines between points (L, 2)."""
        for (x, y), (end_x, end_y), title in zip(self.at(starts), self.at(ends), titles, strict=True):
            self._parts.append(
                f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{end_x:.0f}" y2="{end_y:.0f}" stroke="{color}" opacity="0.7" '
                f'stroke-width="1.2" vector-effect="non-scaling-stroke"><title>{escape(title)}</title></line>'
            )

    def dots(self, positions: Array, headings: Array, color: str, titles: Iterable[str]) -> None:
        """Draw arrowheads at positions (M, 2) that point along headings (M,), radians."""
        size = 0.32 * _LETTER
        shape = np.array([[1.4, 0.0], [-0.8, 0.8], [-0.8, -0.8]]) * size
        for (x, y), heading, title in zip(self.at(positions), headings.tolist(), titles, strict=True):
            cos, sin = np.cos(heading), np.sin(heading)
            corners = shape @ np.array([[cos, -sin], [sin, cos]]) + (x, y)
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
            self._parts.append(
                f'<polygon points="{points}" fill="{color}" stroke="{PAPER}" stroke-width="0.5" '
                f'vector-effect="non-scaling-stroke"><title>{escape(title)}</title></polygon>'
            )

    def marks(self, positions: Array, texts: list[str], titles: list[str]) -> None:
        """Draw short texts in circles at positions (M, 2)."""
        for (x, y), text, title in zip(self.at(positions), texts, titles, strict=True):
            self._parts.append(
                f'<g><title>{escape(title)}</title><circle cx="{x:.0f}" cy="{y:.0f}" r="{0.85 * _LETTER:.1f}" '
                f'fill="{MARK}" stroke="{PAPER}"/>{self._text(x, y + 0.34 * _LETTER, text, PAPER, "middle")}</g>'
            )

    def svg(self, title: str, unit: str) -> str:
        """Return the drawing, with lines at round coordinates in a unit."""
        width, height = (self._high - self._low) * self._scale
        return (
            f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'font-family="system-ui, sans-serif"><title>{escape(title)}</title>'
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="rgb({_UNKNOWN},{_UNKNOWN},{_UNKNOWN})"/>'
            f"{self._ground}{self._ruler(unit)}{''.join(self._parts)}</svg>"
        )

    def _ruler(self, unit: str) -> str:
        width, height = (self._high - self._low) * self._scale
        step, parts = _round_step(float(np.max(self._high - self._low)) / 12.0), []
        for value in _multiples(self._low[0], self._high[0], step):
            x = (value - self._low[0]) * self._scale
            parts.append(f'<path d="M{x:.0f} 0V{height:.0f}"/>')
            if _LETTER < x < width - _LETTER:  # a label at the edge would be cut off
                parts.append(self._text(x, height - 0.4 * _LETTER, f"{value:g}", INK, "middle"))
        for value in _multiples(self._low[1], self._high[1], step):
            y = (self._high[1] - value) * self._scale
            parts.append(f'<path d="M0 {y:.0f}H{width:.0f}"/>')
            if _LETTER < y < height - _LETTER:
                parts.append(self._text(0.3 * _LETTER, y + 0.3 * _LETTER, f"{value:g} {unit}", INK, "start"))
        return f'<g stroke="{MUTED}" stroke-width="1" stroke-opacity="0.25">{"".join(parts)}</g>'

    def _text(self, x: float, y: float, text: str, color: str, anchor: str) -> str:
        return (
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{_LETTER:.1f}" text-anchor="{anchor}" fill="{color}" '
            f'stroke="none">{escape(text)}</text>'
        )


def _round_step(least: float) -> float:
    """Smallest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is not smaller than a number."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= least))


def _multiples(low: float, high: float, step: float) -> list[float]:
    """Multiples of a step between two limits."""
    return [round(n * step, 9) for n in range(int(np.ceil(low / step)), int(np.ceil(high / step)))]


def draw_plan(place: MappedPlace, grid: OccupancyGrid | None, advice: list[Advice]) -> str:
    """Draw the plan of a place; the pointer shows the times of keyframes and the texts of the advice."""
    paths = [drive.map_T_base[:, :2, 3] for drive in place.drives]
    visible = [*(path[np.isfinite(path[:, 0])] for path in paths), place.map_T_camera[:, :2, 3]]
    if grid is not None and grid.known.any():
        known = grid.area.centres()[grid.known]
        visible.append(np.stack([known.min(axis=0), known.max(axis=0)]))
    plan = Plan(np.concatenate(visible))
    if grid is not None:
        plan.grid(grid)
    names = [drive.sequence.name for drive in place.drives]
    positions = place.map_T_camera[:, :2, 3]
    pairs = place.closures.reshape(-1, 2)
    plan.lines(positions[pairs[:, 0]], positions[pairs[:, 1]], CLOSURE, (f"keyframes {a} and {b}" for a, b in pairs))
    for number, (name, path) in enumerate(zip(names, paths, strict=True)):
        if np.isfinite(path).any():
            plan.way(path, drive_color(number), name)
    _draw_keyframes(plan, place)
    marked = [(i, item) for i, item in enumerate(advice, 1) if item.place is not None]
    if marked:
        plan.marks(
            np.array([item.place for _, item in marked]),
            [str(i) for i, _ in marked],
            [f"{i}. {item.text}" for i, item in marked],
        )
    return plan.svg("Plan of the place", "m" if place.scale.metric else "")


def _draw_keyframes(plan: Plan, place: MappedPlace) -> None:
    sight = place.map_T_camera[:, :2, 2]
    headings = np.arctan2(sight[:, 1], sight[:, 0])
    counts = np.bincount(place.tracks.keyframe, minlength=len(place.map_T_camera))
    for number, drive in enumerate(place.drives):
        own = np.nonzero(place.keyframe_drive == number)[0]
        seconds = seconds_of(drive)[place.keyframe_position[own]]
        titles = [
            f"{drive.sequence.name}, keyframe {keyframe}, {time:.1f} s, {counts[keyframe]} points"
            for keyframe, time in zip(own.tolist(), seconds.tolist(), strict=True)
        ]
        plan.dots(place.map_T_camera[own, :2, 3], headings[own], drive_color(number), titles)
