"""Robot that stands for a minute: map->odom of the live node stands, although the images have noise."""

from __future__ import annotations

import numpy as np
from robot_stage import Stage
from stage_drive import Drive
from stage_robot import FIRST

from localization_common.datasets.sequence import Sequence
from localization_common.files.shipped_files import shipped
from localization_common.geometry import se3

#: Standard deviation of the noise of each pixel, grey levels: that of a camera in the dark.
NOISE = 20.0
FRAMES, HERTZ = 60, 1.0


def test_map_to_odom_moves_less_than_a_millimetre(stage: Stage, queries: Sequence) -> None:
    assert queries.odom_T_base is not None
    drive = Drive(stage, queries)
    drive.stamps = [FIRST + round(i * 1e9 / HERTZ) for i in range(FRAMES)]
    drive.odom_T_base = np.repeat(queries.odom_T_base[:1], FRAMES, axis=0)
    network = str(shipped("models/vlocnet_apartment_light.safetensors"))
    drive.start("", checkpoint=network, frozen_timeout=0.0)
    random = np.random.default_rng(0)
    image = queries.read_image(0).astype(np.float64)
    for i in range(FRAMES):
        noisy = np.clip(np.rint(image + NOISE * random.standard_normal(image.shape)), 0, 255).astype(np.uint8)
        drive.send(i, noisy)
    sent = [t.matrix for t in stage.robot.transforms_of("map")]
    assert len(sent) > 0.9 * FRAMES
    poses = np.stack([pose.matrix for pose in drive.poses.values()])
    assert np.ptp(poses[:, :3, 3], axis=0).max() > 1e-3  # the poses themselves have noise
    for matrix in sent:
        moved = se3.inverse(sent[0]) @ matrix
        assert np.linalg.norm(moved[:3, 3]) < 1e-3
        assert np.degrees(se3.rotation_angle(moved[:3, :3])) < 0.05
