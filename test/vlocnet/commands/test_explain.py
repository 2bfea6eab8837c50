"""`vlocnet_explain` on a bag and two checkpoints."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_networks import make_config, randomize_statistics

from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.metrics import pose_metrics
from vlocnet_ros.commands import explain
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["vlocnet_explain", *map(str, arguments)])
    explain.main()


@pytest.fixture
def single_task(tmp_path: Path) -> Path:
    network = VLocNet(make_config(tasks=Tasks(odometry=False, segmentation=False, depth=False)))
    randomize_statistics(network)
    save_vlocnet(tmp_path / "single.safetensors", network.eval())
    return tmp_path / "single.safetensors"


@pytest.fixture
def bag(tmp_path: Path, wall_sequence: Sequence) -> Path:
    write_sequence(wall_sequence, tmp_path / "wall")
    return tmp_path / "wall"


def test_the_picture_has_a_column_for_each_checkpoint(monkeypatch, tmp_path, bag, single_task, tiny_checkpoint) -> None:
    shapes = []
    for checkpoints in ([single_task], [single_task, tiny_checkpoint]):
        output = tmp_path / "pictures" / f"{len(checkpoints)}.png"
        run(monkeypatch, "--checkpoints", *checkpoints, "--sequence", bag, "--frames", "0,3", "--output", output)
        picture = cv2.imread(str(output))
        shapes.append(picture.shape)
        assert (picture.max(axis=2) > picture.min(axis=2) + 30).mean() > 0.02  # the heat; other pixels may be grey
    assert shapes[1][1] == pytest.approx(1.5 * shapes[0][1], rel=0.05)


def test_frames_are_explained_after_their_previous_frames_as_on_a_robot(
    wall_sequence, single_task, tiny_checkpoint
) -> None:
    for checkpoint in (single_task, tiny_checkpoint):
        robot, localizer = (Localizer.from_checkpoint(checkpoint) for _ in range(2))
        robot.set_camera(wall_sequence.camera)
        positions = np.array([0, 3, 6])
        explained = explain.explain_frames(localizer, wall_sequence, positions, wall_sequence.pairs())
        poses, heats = [], []
        for i in range(7):
            poses.append(robot.step(wall_sequence.read_image(i), int(wall_sequence.stamps[i])).regressed_T_camera)
            heats.append(robot.labels_in_image(robot.explain(), fill=0))
        errors = pose_metrics.pose_errors(np.stack(poses), wall_sequence.map_T_camera[:7])
        for position, frame in zip(positions, explained, strict=True):
            assert (frame.metres, frame.degrees) == (errors.metres[position], errors.degrees[position])
            np.testing.assert_array_equal(frame.heat, heats[position])


def test_a_frame_after_a_gap_is_explained_without_a_previous_one(wall_sequence, single_task) -> None:
    localizer = Localizer.from_checkpoint(single_task)
    gap = wall_sequence.select([0, 1, 3])
    _, after = explain.explain_frames(localizer, gap, np.array([1, 2]), gap.pairs())
    localizer.reset()
    localizer.step(gap.read_image(2), 1)
    np.testing.assert_array_equal(after.heat, localizer.labels_in_image(localizer.explain(), fill=0))


@pytest.mark.parametrize(("frames", "message"), [("80-90", "none of its frames"), ("ten", "not of the form")])
def test_missing_frames_are_refused(monkeypatch, tmp_path, bag, single_task, frames, message) -> None:
    arguments = ("--checkpoints", single_task, "--sequence", bag, "--frames", frames, "--output", tmp_path / "x.png")
    with pytest.raises(SystemExit, match=f"vlocnet_explain: .*{message}"):
        run(monkeypatch, *arguments)
    assert not (tmp_path / "x.png").exists()
