"""Tests of the benchmark of the refinement: its priors, its baseline and its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar, se3

CAMERA = Camera(160, 120, 110.0, 110.0, 79.5, 59.5)


@pytest.fixture(scope="module")
def benchmark(import_benchmark: Callable[[str], ModuleType]) -> SimpleNamespace:
    scripts = ("refinement", *(f"refinement_{part}" for part in ("pace", "priors", "scenes", "tables", "trials")))
    return SimpleNamespace(**{name: import_benchmark(name) for name in (*scripts, "sift_pnp_baseline")})


def wall(camera: Camera, poses: np.ndarray) -> Sequence:
    """Render a textured wall at z = 2, with pillars in front of it, from these poses."""
    random = np.random.default_rng(0)
    texture = np.kron(random.integers(0, 255, (150, 200, 3), dtype=np.uint8), np.ones((2, 2, 1), dtype=np.uint8))
    u, v = np.meshgrid(np.arange(camera.width, dtype=np.float64), np.arange(camera.height, dtype=np.float64))
    local = np.concatenate([camera.rays(np.stack([u.ravel(), v.ravel()], axis=1)), np.ones((u.size, 1))], axis=1)

    def read(position: int) -> np.ndarray:
        sight, eye = local @ poses[position][:3, :3].T, poses[position][:3, 3]
        image = np.zeros((u.size, 3), dtype=np.uint8)
        for depth, only in ((2.0, False), (1.6, True)):
            at = eye + sight * ((depth - eye[2]) / sight[:, 2])[:, None]
            shown = np.sin(4.0 * at[:, 0]) > 0.3 if only else np.ones(len(at), dtype=bool)
            column, row = (100 * at[:, 0]).astype(int) % 400, (100 * at[:, 1]).astype(int) % 300
            image[shown] = texture[row, column][shown]
        return image.reshape(camera.height, camera.width, 3)

    numbers = np.arange(len(poses))
    return Sequence("wall", camera, numbers, numbers * 100_000_000, poses, read)


def moved(x: float, y: float, turned: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(turned), 0, np.sin(turned)], [0, 1, 0], [-np.sin(turned), 0, np.cos(turned)]]
    pose[:2, 3] = x, y
    return pose


def test_baseline_localizes_a_known_view_and_returns_none_otherwise(benchmark: SimpleNamespace) -> None:
    poses = np.stack([moved(x, 0.1 * (i % 2), 0.02 * (i % 3)) for i, x in enumerate(np.arange(-0.6, 0.61, 0.1))])
    baseline = benchmark.sift_pnp_baseline.SiftPnp([wall(CAMERA, poses)], len(poses))
    truth = moved(0.03, 0.04, -0.1)
    found = baseline.locate(wall(CAMERA, truth[None]).read_image(0))
    assert found is not None
    np.testing.assert_allclose(found, truth, atol=0.03)
    assert baseline.locate(np.zeros((120, 160, 3), dtype=np.uint8)) is None


def test_another_lens_sees_the_same_along_the_same_rays(benchmark: SimpleNamespace) -> None:
    image = np.zeros((120, 160, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = np.arange(160), np.arange(120)[:, None]
    sequence = replace(wall(CAMERA, np.eye(4)[None]), read_image=lambda _: image)
    for name, camera in benchmark.refinement_trials.other_cameras(CAMERA).items():
        seen = benchmark.refinement_trials.other_camera(sequence, camera).read_image(0)
        assert seen.shape == (camera.height, camera.width, 3), name
        for column, row in ((20, 20), (60, 40), (100, 70)):
            pixel = CAMERA.project(camera.rays(np.array([[column, row]], dtype=np.float64)))[0]
            np.testing.assert_allclose(seen[row, column, :2], pixel, atol=1.0)


def test_beliefs_are_lifted_with_their_covariance(benchmark: SimpleNamespace) -> None:
    base_T_camera = np.eye(4)
    base_T_camera[:3, :3], base_T_camera[:3, 3] = se3.BODY_R_OPTICAL, (0.4, 0.0, 0.6)
    mean, covariance = np.array([1.0, 2.0, 0.7]), np.diag([0.01, 0.02, 0.02])
    guess = benchmark.refinement_priors._lifted(mean, covariance, base_T_camera)
    random = np.random.default_rng(0)
    samples = planar.to_se3(random.multivariate_normal(mean, covariance, 20_000)) @ base_T_camera
    np.testing.assert_allclose(guess.map_T_camera, planar.to_se3(mean) @ base_T_camera)
    np.testing.assert_allclose(guess.covariance[:2, :2], np.cov(samples[:, :2, 3].T), atol=8e-4)


def test_a_belief_with_two_places_gives_two_guesses(benchmark: SimpleNamespace) -> None:
    random = np.random.default_rng(0)
    places = np.array([[0.0, 0.0, 0.0], [3.0, 1.0, 2.0]])
    particles = np.concatenate([place + random.normal(scale=0.05, size=(500, 3)) for place in places])
    weights = np.repeat([0.7, 0.3], 500) / 500
    modes = benchmark.refinement_priors._modes(particles, weights, radius_d=0.5, radius_a=0.5)
    np.testing.assert_allclose([mode.pose for mode in modes], places, atol=0.02)


def test_twin_rooms_are_exchanged(benchmark: SimpleNamespace) -> None:
    second_T_first = np.eye(4)
    second_T_first[:2, :2], second_T_first[:2, 3] = [[0, -1], [1, 0]], (9.0, 1.0)
    rooms = {"first": [0, 0, 2, 3], "second": [6, 1, 9, 3], "second_T_first": second_T_first.tolist()}
    poses = np.stack([moved(1.0, 0.5, 0.0), moved(4.0, 1.0, 0.0)])
    exchanged, inside = benchmark.refinement_scenes.exchanged_twins(poses, rooms)
    assert inside.tolist() == [True, False]
    np.testing.assert_allclose(exchanged[0, :2, 3], (8.5, 2.0))
    np.testing.assert_allclose(benchmark.refinement_scenes.exchanged_twins(exchanged, rooms)[0], poses)


def outcome(benchmark: SimpleNamespace, off: list[float], confirmed: list[bool]) -> Any:
    truth = np.tile(np.eye(4), (len(off), 1, 1))
    poses = truth.copy()
    poses[:, 0, 3] = off
    covariances = np.tile(np.eye(6), (len(off), 1, 1))
    return benchmark.refinement_trials.RefinementOutcome(
        truth, poses, covariances, np.array(confirmed), np.full(len(off), 5.0)
    )


def test_numbers_of_an_outcome(benchmark: SimpleNamespace) -> None:
    before = outcome(benchmark, [0.01, 0.01, 0.03, 0.7, np.nan], [True, True, True, False, False])
    numbers = before.numbers()
    assert numbers["lost"] == pytest.approx(0.4)
    assert numbers["within_2cm_2deg"] == pytest.approx(0.4)
    assert numbers["confirmed_median_m"] == pytest.approx(0.01)
    assert (numbers["confirmed_wrong"], numbers["p50_ms"]) == (0, 5.0)
    now = outcome(benchmark, [0.015, 0.09, 0.03, 0.01, 0.8], [True, True, False, True, True])
    assert now.as_good(before, metres=0.01, degrees=0.5) == pytest.approx(1 / 3)
    assert now.numbers()["confirmed_wrong"] == 1


def numbers(median_m: float, ms: float, nees: float) -> dict[str, Any]:
    row = {"frames": 40, "median_m": median_m, "median_deg": 0.2, "p50_ms": ms, "p95_ms": 2 * ms}
    shares = {"within_5cm_5deg": 0.9, "within_2cm_2deg": 0.6, "lost": 0.0, "confirmed": 1.0, "confirmed_wrong": 0}
    row |= shares | {"as_good": 0.95, "confirmed_median_m": median_m, "lost_but_found_by_baseline": 0}
    return row | {"consistency": {"nees": nees, "band": [5.0, 7.0]}}


def test_notes_have_the_met_and_missed_aims(benchmark: SimpleNamespace) -> None:
    tables = benchmark.refinement_tables

    def noted(row: dict[str, Any]) -> dict[str, str]:
        systems = {tables.REFINED: row, tables.ALL: row, tables.BASELINE: row | {"p50_ms": 60.0}}
        trials = dict.fromkeys(("cropped and rescaled", "distorted", tables.OFF, tables.IN_ANOTHER_ROOM), row)
        places = (tables.REDKITCHEN, tables.APARTMENT)
        every = {
            "systems": dict.fromkeys(places, systems),
            "trials": dict.fromkeys(places, trials),
            "maps": {place: {"megabytes": 0.65, "baseline_mb": 40.0} for place in places},
            "twin": {"no guess": row},
            "left_out": {tables.MOVED: "build/there"},
        }
        costs = tables.tables(every)[1].text()
        assert f"{60.0 / row['p50_ms']:.1f}x" in costs
        assert "40.00 MB" in costs
        return dict(tables.notes(every))

    good = noted(numbers(0.009, 20.0, 6.0))
    assert not any("missed" in text for text in good.values())
    assert good[f"left out: {tables.MOVED}"] == "no build/there"
    bad = noted(numbers(0.015, 30.0, 9.0) | {"confirmed_wrong": 2, "as_good": 0.8})
    missed = {name for name, text in bad.items() if "missed" in text}
    assert f"{tables.REDKITCHEN}, speed over {tables.BASELINE}: at least 3 times" in missed
    assert f"{tables.APARTMENT}, median: at most 1.0 cm and 0.3 deg" in missed
    assert f"{tables.REDKITCHEN}, median: at most 2.0 cm and 1.0 deg" not in missed
    assert f"{tables.TWICE}, confirmed in the wrong room: never" in missed
    assert f"{tables.REDKITCHEN}, mean NEES: within its 95 % band" in missed


def test_share_of_the_refinement_that_overlaps_with_the_network(benchmark: SimpleNamespace) -> None:
    pace = benchmark.refinement_pace
    (text,) = pace.notes({"here": {pace.ALONE: 20.0, pace.AFTER: 40.0, pace.BESIDE: 25.0}}).values()
    assert text == "75 % of 20.0 ms"
