"""Real room, recorded by hand: one held-out block, refined against the frames before and after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from localization_common.datasets import FrameRanges, open_sequence
from localization_common.keyframes.building import KeyframeConfig, build, choose
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.refinement.perturbation import moved_by
from localization_common.refinement.refiner import Guess, Refiner, Status

HELD_OUT, AROUND = "200-239", "80-359"


def test_a_held_out_block_is_refined_to_two_centimetres(shared_data: Path) -> None:
    path = shared_data / "7scenes" / "redkitchen" / "seq-01"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    sequence = open_sequence(path)
    around = sequence.with_numbers(FrameRanges.parse(AROUND)).without_numbers(FrameRanges.parse(HELD_OUT))
    held_out = sequence.with_numbers(FrameRanges.parse(HELD_OUT)).select(np.arange(0, 40, 2))
    config = KeyframeConfig(metres=0.05, degrees=4.0, calibrate=True)
    known = build(choose([around], config, lambda *_: None), config)
    assert 0.95 < known.lens.focal < 1.15
    refiner = Refiner(known)
    refiner.set_camera(held_out.camera)
    covariance = np.diag([0.06**2] * 3 + [np.radians(2.0) ** 2] * 3)
    rng = np.random.default_rng(0)
    found = []
    for i, pose in enumerate(held_out.map_T_camera):
        guess = Guess(moved_by(pose, rng.multivariate_normal(np.zeros(6), covariance)), covariance)
        found.append(refiner.step(held_out.read_image(i), [guess]))
    kept = [i for i, f in enumerate(found) if f.status is Status.REFINED]
    assert len(kept) >= 18
    off = pose_errors(np.stack([found[i].map_T_camera for i in kept]), held_out.map_T_camera[kept])
    assert off.median_m <= 0.02
    assert off.median_deg <= 1.0
    assert off.share_within(0.05, 5.0) >= 0.85
