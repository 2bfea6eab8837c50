"""Tests of moved furniture: a share is at other places and can be driven around; everything else is unchanged."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from small_camera import SMALL

from localization_common.errors import ConfigError
from localization_common.geometry import planar
from localization_sim.apartments import decoration, rearranging, structure
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.drive_paths import plan_drive
from localization_sim.apartments.floor_plan import draw_floor_plan
from localization_sim.apartments.furnishing import PASSAGE_RADIUS, furnish
from localization_sim.apartments.rearranging import NOTICEABLE, rearrange
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.rendering import Renderer, mounted_camera

SHARE = 0.25


@pytest.fixture(scope="module")
def rearranged() -> Apartment:
    return Apartment.from_seed(0, rearranged=SHARE)


def moved_geoms(before: Apartment, after: Apartment) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (before.model.geom_pos != after.model.geom_pos).any(1) | (
        before.model.geom_quat != after.model.geom_quat
    ).any(1)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_share_of_pieces_is_moved_and_each_stays_whole(seed: int) -> None:
    plan, scene, random = draw_floor_plan(seed), ApartmentScene(), np.random.default_rng(seed)
    structure.build_shell(scene, plan, random)
    furnishing = furnish(scene, plan, random)
    pieces, solids = list(furnishing.placed), list(scene.solids)
    moves = rearrange(scene, plan, furnishing, SHARE, random)

    movable = [piece for piece in pieces if piece.furniture.movable]
    changed = [(old, new) for old, new in zip(pieces, furnishing.placed, strict=True) if old != new]
    assert len(changed) == len(moves) == round(SHARE * len(movable))
    assert sum(old.furniture.width * old.furniture.depth for old, _ in changed) >= SHARE * sum(
        piece.furniture.width * piece.furniture.depth for piece in movable
    )
    assert {(old.area, new.area) for old, new in changed} == {(move.before, move.after) for move in moves}
    of_moved = {i for old, _ in changed for i in old.solids}
    assert all((scene.solids[i] != solid) == (i in of_moved) for i, solid in enumerate(solids))
    for i, piece in enumerate(furnishing.placed):
        assert not any(piece.area.overlaps(other.area) for other in furnishing.placed[:i])
    for old, new in changed:
        assert math.dist(old.area.centre, new.area.centre) >= NOTICEABLE
        # All solids of the piece are inside its new floor area and turned together.
        for i in new.solids:
            assert new.area.grown(0.05).contains(*scene.solids[i].centre[:2])
        first = old.solids[0]
        for i in old.solids:
            apart = [math.dist(part[first].centre, part[i].centre) for part in (solids, scene.solids)]
            assert apart[0] == pytest.approx(apart[1])


def test_everything_else_stays_pixel_by_pixel(apartment: Apartment, rearranged: Apartment) -> None:
    moved = moved_geoms(apartment, rearranged)
    for name in ("geom_size", "geom_matid", "mat_rgba", "tex_data", "light_pos", "light_diffuse"):
        np.testing.assert_array_equal(getattr(rearranged.model, name), getattr(apartment.model, name), err_msg=name)
    touched, views = 0, 0
    # Renderers whose label is 1 for a moved geometry.
    with (
        Renderer(replace(apartment, geom_labels=moved.astype(np.uint8)), SMALL) as before,
        Renderer(replace(rearranged, geom_labels=moved.astype(np.uint8)), SMALL) as after,
    ):
        for room in apartment.plan.rooms:
            for heading in (0.6, 3.8):
                pose = planar.to_se3(np.array([*room.centre, heading])) @ mounted_camera(height=1.6)
                for each in (before, after):
                    each.look_from(pose)
                differs = (before.colour() != after.colour()).any(2)
                # A border pixel mixes both sides.
                shown = cv2.dilate(before.labels() | after.labels(), np.ones((3, 3), np.uint8)) > 0
                assert not (differs & ~shown).any()
                touched, views = touched + bool(differs.mean() > 0.02), views + 1
    assert views // 2 <= touched < views


def test_the_same_seed_moves_the_same_furniture_to_the_same_places(rearranged: Apartment) -> None:
    again = Apartment.from_seed(0, rearranged=SHARE)
    assert again.moved == rearranged.moved
    np.testing.assert_array_equal(again.model.geom_pos, rearranged.model.geom_pos)
    np.testing.assert_array_equal(again.model.geom_quat, rearranged.model.geom_quat)


def test_nothing_goes_in_front_of_doors_and_windows() -> None:
    plan, scene, random = draw_floor_plan(0), ApartmentScene(), np.random.default_rng(0)
    furnishing = furnish(scene, plan, random)
    structure.build_doors(scene, plan, furnishing, random)
    decoration.hang_windows(scene, plan, random)
    before = list(scene.solids)
    rearrange(scene, plan, furnishing, SHARE, random)
    moved = [new.footprint for old, new in zip(before, scene.solids, strict=True) if old != new]
    kept = [solid.footprint for solid in scene.solids if solid.label in ("door", "window")]
    assert len(moved) > 10
    for area in (area.grown(0.1) for area in kept if area is not None):
        assert not any(area.collides(other) for other in moved if other is not None)


def test_the_robot_drives_around_what_was_moved(rearranged: Apartment) -> None:
    assert rearranged.space.connected(PASSAGE_RADIUS)
    path = plan_drive(rearranged, "test").poses[::25, :2]
    assert len(path) > 100
    for move in rearranged.moved:
        if move.name != "desk":  # the robot may drive over the area beside its chair
            assert not any(move.after.contains(x, y) for x, y in path)


def test_what_cannot_be_moved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Apartment.from_seed(0, rearranged=1.5)
    monkeypatch.setattr(rearranging, "ATTEMPTS", 2)
    with pytest.raises(ConfigError, match="choose a smaller share than 1"):
        Apartment.from_seed(3, rearranged=1.0)
