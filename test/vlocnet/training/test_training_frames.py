"""Frames in memory, pairs, clips, and mixtures of kinds of steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH

from localization_common.camera import Camera
from localization_common.errors import ConfigError, DatasetError
from vlocnet_ros.training.augmentation import StepKind
from vlocnet_ros.training.batches import RandomBatches, StepMixture, gather
from vlocnet_ros.training.training_frames import TrainingFrames, network_camera


def test_network_camera_covers_the_input_and_keeps_pixels_square():
    source = Camera(640, 480, 525.0, 525.0, 320.0, 240.0)
    camera = network_camera(source, 160, 112)
    assert (camera.fx, camera.fy) == (525.0 / 4, 525.0 / 4)
    # the middle row of the source is the middle row of the crop
    assert camera.cy == pytest.approx((240.0 + 0.5) / 4 - 0.5 - 4.0)
    wide = network_camera(Camera(1241, 376, 718.0, 718.0, 607.0, 185.0), 256, 80)
    assert wide.fx == pytest.approx(718.0 * 80 / 376)


def test_frames_hold_what_the_sequence_has(frames, wall_sequence):
    assert frames.images.shape == (8, 3, HEIGHT, WIDTH)
    assert frames.images.dtype == torch.uint8
    np.testing.assert_allclose(frames.translation, wall_sequence.map_T_camera[:, :3, 3], atol=1e-6)
    assert frames.pairs.tolist() == [[i, i + 1] for i in range(7)]
    assert (frames.depth == 2.0).all()
    assert set(frames.labels.unique().tolist()) <= {0, 1, 2}
    assert frames.class_names == ("left", "middle", "right")


def test_frames_across_a_gap_are_no_pair_and_are_used_as_single_ones(wall_sequence):
    cut = wall_sequence.select([0, 1, 3])
    frames = TrainingFrames.read([cut, wall_sequence.select([6, 7])], network_camera(cut.camera, WIDTH, HEIGHT))
    assert frames.pairs.tolist() == [[0, 1], [2, 2], [3, 4]]


def test_masks_where_one_sequence_lacks_depth_or_labels(wall_sequence):
    bare = replace(wall_sequence, read_depth=None, read_labels=None, class_names=())
    frames = TrainingFrames.read([wall_sequence, bare], network_camera(bare.camera, WIDTH, HEIGHT))
    assert torch.isfinite(frames.depth[:8]).all()
    assert torch.isnan(frames.depth[8:]).all()
    assert (frames.labels[8:] == 255).all()
    unlabelled = TrainingFrames.read([bare], network_camera(bare.camera, WIDTH, HEIGHT))
    assert unlabelled.depth is None
    assert unlabelled.labels is None


def test_sequences_with_different_classes_are_refused(wall_sequence):
    other = replace(wall_sequence, class_names=("a", "b", "c"))
    with pytest.raises(DatasetError, match="classes"):
        TrainingFrames.read([wall_sequence, other], network_camera(other.camera, WIDTH, HEIGHT))


def test_pairs_go_in_both_directions_of_time(frames):
    batch = gather(frames, frames.pairs[[2, 5]].flatten())
    assert batch.targets.previous.tolist() == [1, 0, 3, 2]
    assert batch.targets.pair.all()
    single = gather(frames, torch.tensor([3, 5]), StepKind.POSE, previous=torch.arange(2), group=1)
    assert single.targets.previous.tolist() == [0, 1]
    assert not single.targets.pair.any()
    assert single.targets.labels is None


def test_batches_depend_on_seed_and_step_only(frames):
    a, b, c, d = (RandomBatches(frames, size=4, seed=s, rank=r) for s, r in ((1, 0), (1, 0), (2, 0), (1, 1)))
    assert all(torch.equal(a(i).targets.translation, b(i).targets.translation) for i in (5, 3))
    for other in (c, d):
        assert not all(torch.equal(a(i).targets.translation, other(i).targets.translation) for i in range(6))
    assert not all(torch.equal(a(i).targets.translation, a(0).targets.translation) for i in range(6))


def test_clips_follow_the_drive_and_stop_at_its_end(frames):
    batch = RandomBatches(frames, size=16, seed=0, clip=4)(0)
    t = batch.targets
    assert t.previous.tolist() == [0, 0, 1, 2, 4, 4, 5, 6, 8, 8, 9, 10, 12, 12, 13, 14]
    assert batch.group == 4
    step = (t.translation - t.translation[t.previous])[:, 0]
    torch.testing.assert_close(step, 0.05 * t.pair.float(), atol=1e-5, rtol=0)
    assert not t.pair[::4].any()
    ends = (t.translation[:, 0] > 0.34) & ~t.pair
    assert ends.any()  # the last frame replaces the following ones


def test_a_mixture_has_the_configured_steps():
    kinds = [StepMixture(2, 1, 1).kind(step) for step in range(8)]
    assert kinds[:4] == kinds[4:]
    assert sorted(k.value for k in kinds[:4]) == ["all", "pairs", "pose", "pose"]
    assert {StepMixture(0, 0, 1).kind(step) for step in range(3)} == {StepKind.ALL}
    uneven = [StepMixture(1, 3, 1).kind(step).value for step in range(5)]
    assert sorted(uneven) == ["all", "pairs", "pairs", "pairs", "pose"]
    with pytest.raises(ConfigError, match="mixture"):
        StepMixture(0, 0, 0)
