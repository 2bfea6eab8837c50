"""Advice: concrete sentences on the ways to drive again, each with its place on the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.grid import OccupancyGrid
from localization_mapping.place_report.coverage import Coverage, Region, one_way_regions, undriven_regions
from localization_mapping.place_report.stretches import Stretch, Weakness, length_unit

#: Largest number of sentences of one kind; the most important ones are kept.
_MOST = 5
#: Smallest part that was driven in one direction only, cells, and shortest weak stretch, seconds and frames.
_LEAST_CELLS, _LEAST_SECONDS, _LEAST_FRAMES = 4, 0.5, 3
#: Share of the place from which on it is simpler to drive everything again.
_MOSTLY = 0.6

#: Directions on the plan of headings of 0, 45, ... degrees.
_DIRECTIONS = ("right", "upper right", "up", "upper left", "left", "lower left", "down", "lower right")

_REMEDIES = {
    Weakness.NOT_LOCATED: "could not be located; drive there again, slowly, from where it is well known",
    Weakness.ODOMETRY_ONLY: "show no point of the map; drive there again with more of the room in view",
    Weakness.FEW_POINTS: "show few points of the map; drive there again, further away from bare walls",
    Weakness.LARGE_RESIDUAL: "do not agree with the map; something moved there, or the images are late: drive again",
    Weakness.BLURRED: "are blurred; drive there again, more slowly in turns, or with more light",
}


@dataclass(frozen=True)
class Advice:
    """Sentence on something to drive again.

    Attributes:
        text: sentence.
        place: x and y on the plan; None if it is about the whole place.
    """

    text: str
    place: tuple[float, float] | None = None


def advice_for(
    place: MappedPlace, grid: OccupancyGrid | None, coverage: Coverage | None, stretches: list[Stretch]
) -> list[Advice]:
    """Advice on a place, the most important first: weak stretches, floor that was not driven, missing directions."""
    found = _of_stretches(place, stretches)
    if len(place.closures) == 0:
        found.append(
            Advice(
                "No drive comes back to a part that it or another drive saw before, so that nothing limits its drift: "
                "drive a loop, and end it where it began."
            )
        )
    if grid is not None:
        for region in undriven_regions(place, grid)[:_MOST]:
            found.append(
                Advice(
                    f"Around {_at(region.centre)}: {region.area:.1f} m² of free floor were seen but not driven; "
                    "drive there, too.",
                    region.centre,
                )
            )
    return found if coverage is None else found + _of_directions(coverage, length_unit(place))


def _of_stretches(place: MappedPlace, stretches: list[Stretch]) -> list[Advice]:
    found = []
    for weakness, remedy in _REMEDIES.items():
        long = [
            s
            for s in stretches
            if s.weakness is weakness and (s.end - s.start >= _LEAST_SECONDS or s.frames >= _LEAST_FRAMES)
        ]
        for stretch in sorted(long, key=lambda s: s.start - s.end)[:_MOST]:
            name = place.drives[stretch.drive].sequence.name
            measured = f" ({stretch.detail})" if stretch.detail else ""
            known = place.drives[stretch.drive].located.any()
            text = f"{stretch.frames} frames of {name} {remedy}{measured}."
            if known:
                times = f"from {stretch.start:.1f} to {stretch.end:.1f} s"
                text = f"Around {_at(stretch.place)}: {stretch.frames} frames of {name} {times} {remedy}{measured}."
            found.append(Advice(text, stretch.place if known else None))
    return found


def _of_directions(coverage: Coverage, unit: str) -> list[Advice]:
    one_way = coverage.one_way
    if len(one_way) and one_way.mean() >= _MOSTLY:
        text = (
            f"{one_way.mean():.0%} of the way was driven in one direction only: drive it once more, the other way "
            "round. A robot that comes back sees other things."
        )
        return [Advice(text)]
    regions = [region for region in one_way_regions(coverage) if len(region.cells) >= _LEAST_CELLS]
    return [Advice(_one_way_text(coverage, region, unit), region.centre) for region in regions[:_MOST]]


def _one_way_text(coverage: Coverage, region: Region, unit: str) -> str:
    seen = coverage.seen[region.cells].sum(axis=0)
    angles = np.radians(coverage.middle_headings)
    usual = float(np.arctan2(seen @ np.sin(angles), seen @ np.cos(angles)))
    return (
        f"Around {_at(region.centre)}, {region.size[0]:.1f} x {region.size[1]:.1f} {unit}: the camera faced "
        f"{_direction(usual)} on the plan only; drive through facing {_direction(usual + np.pi)}, too."
    )


def _direction(heading: float) -> str:
    """Direction on the plan of a heading in radians."""
    return _DIRECTIONS[round(heading / (np.pi / 4)) % 8]


def _at(place: tuple[float, float]) -> str:
    return f"({place[0]:.1f}, {place[1]:.1f})"
