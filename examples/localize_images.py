"""Localize the images of a recording with vlocnet, one after the other, as its node does; no ROS is needed.

    python examples/localize_images.py build/apartment/test --frames 0-19

`apartment_record --output build/apartment --train 0 --no-val` renders this recording. The network of another place is
given by `--checkpoint`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from localization_common.datasets.opening import open_sequence
from localization_common.files.shipped_files import shipped
from localization_common.geometry import planar, se3
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.replay import replay


def main() -> None:
    """Print the pose of the robot's base at each image, and its distance from the true one."""
    parser = argparse.ArgumentParser(description="Localize the images of a recording with vlocnet.")
    parser.add_argument("recording", type=Path, help="bag or directory of a data set")
    parser.add_argument("--checkpoint", type=Path, default=shipped("models/vlocnet_apartment_light.safetensors"))
    parser.add_argument("--frames", default="", help="only these frame numbers, such as 0-19")
    options = parser.parse_args()

    drive = open_sequence(options.recording).chosen(options.frames)
    localizer = Localizer.from_checkpoint(options.checkpoint, threads=1)
    camera_T_base = se3.inverse(drive.base_T_camera)

    # Images are undistorted and cropped to the camera of the network.
    for frame in replay(localizer, drive):
        estimate, seconds = frame.estimate, frame.stamp * 1e-9
        if estimate is None:  # for example a black image: it is skipped, the next one is used
            print(f"{seconds:.3f} s  refused: {frame.refusal}")
            continue
        if not estimate.health.published:
            print(f"{seconds:.3f} s  {estimate.health.value}: {estimate.reason}")
            continue
        map_T_base = estimate.map_T_camera @ camera_T_base
        x, y, yaw = planar.from_se3(map_T_base)
        deviation = np.sqrt(np.diag(estimate.covariance)[:3].sum())
        error = np.linalg.norm(map_T_base[:3, 3] - drive.map_T_base[frame.position, :3, 3])
        print(
            f"{seconds:.3f} s  x {x:.3f} m, y {y:.3f} m, yaw {np.degrees(yaw):.1f} deg, expected error"
            f" {deviation:.3f} m, true error {error:.3f} m, {estimate.timings['total']:.0f} ms"
        )


if __name__ == "__main__":
    main()
