"""Coverage: headings in each cell, parts driven in one direction, floor that was not driven."""

from __future__ import annotations

import numpy as np
import pytest
from made_maps import MadeRoom, made_drive, made_place, way

from localization_mapping.occupancy.building import occupancy_grid
from localization_mapping.occupancy.grid import FREE, UNKNOWN, GridArea, OccupancyGrid
from localization_mapping.place_report.advice import advice_for
from localization_mapping.place_report.coverage import coverage_of, one_way_regions, undriven_regions

ROOM = MadeRoom(size=(12.0, 4.0))


def test_headings_of_a_straight_way() -> None:
    there = made_drive(ROOM, way((1.0, 1.2), (5.0, 1.2)))
    coverage = coverage_of(made_place(there))
    assert coverage.one_way.all()
    # The heading 0 is the border of two sectors; rounding decides between them.
    seen = coverage.middle_headings[coverage.seen.any(axis=0)]
    assert (np.abs(seen) < 25.0).all()
    back = made_drive(ROOM, way((5.0, 1.2), (1.0, 1.2)))
    assert not coverage_of(made_place(there, back)).one_way.any()


def test_a_part_in_one_direction_is_found_where_it_is() -> None:
    both = [made_drive(ROOM, poses) for poses in (way((1.0, 1.2), (7.0, 1.2)), way((7.0, 1.2), (1.0, 1.2)))]
    further = made_drive(ROOM, way((7.5, 1.2), (11.0, 1.2)))
    place = made_place(*both, further)
    (region,) = one_way_regions(coverage_of(place))
    assert region.centre[0] == pytest.approx(9.5, abs=0.8)
    assert region.size[0] == pytest.approx(3.5, abs=1.1)
    sentences = [item.text for item in advice_for(place, None, coverage_of(place), [])]
    assert any("the camera faced right on the plan only; drive through facing left, too." in text for text in sentences)


def test_free_floor_far_from_the_way_is_found() -> None:
    area = GridArea((0.0, 0.0), 80, 240, 0.05)
    cells = np.full(area.shape, UNKNOWN, np.int8)
    cells[:, :40], cells[:, 160:200] = FREE, FREE
    place = made_place(made_drive(ROOM, way((0.5, 2.0), (1.5, 2.0))))
    beside, region = sorted(undriven_regions(place, OccupancyGrid(area, cells)), key=lambda r: r.centre[0])[-2:]
    assert region.centre == (pytest.approx(9.0, abs=0.1), pytest.approx(2.0, abs=0.1))
    assert region.area == pytest.approx(8.0)
    assert beside.area == pytest.approx(2.0, abs=0.05), "what is above and below the way is further than a metre"


def test_a_room_that_was_driven_through_has_no_such_floor() -> None:
    room = MadeRoom(size=(3.0, 2.0))
    place = made_place(made_drive(room, way((0.7, 1.0), (2.3, 1.0))))
    assert undriven_regions(place, occupancy_grid(place)) == []
