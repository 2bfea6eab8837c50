"""Track a robot with dmn: a context map, the recorded wheel odometry and the camera's images give beliefs; without ROS.

    python examples/track_with_dmn.py build/apartment/test --frames 0-19

`apartment_record --output build/apartment --train 0 --no-val` renders this recording. Network and map of another place,
made by `dmn_train` and `dmn_build_map`, are given by `--checkpoint` and `--map`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dmn_ros.runtime.localizer import Localizer
from dmn_ros.runtime.replay import replay
from localization_common.datasets.opening import open_sequence
from localization_common.files.shipped_files import shipped
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import planar_odometry


def main() -> None:
    """Print the belief at each image, from a uniform one on, and its distance from the true pose."""
    parser = argparse.ArgumentParser(description="Track the robot of a recording with dmn.")
    parser.add_argument("recording", type=Path, help="bag or directory of a data set, with odometry")
    parser.add_argument("--checkpoint", type=Path, default=shipped("models/dmn_apartment.safetensors"))
    parser.add_argument("--map", type=Path, default=shipped("models/apartment_map.safetensors"))
    parser.add_argument("--frames", default="", help="only these frame numbers, such as 0-19")
    options = parser.parse_args()

    drive = open_sequence(options.recording).chosen(options.frames).with_odometry()
    localizer = Localizer.from_files(options.checkpoint, options.map, threads=1)
    localizer.reset_uniform()  # the robot may be anywhere; reset_gaussian(mean, covariance) starts from a known pose
    assert drive.odom_T_base is not None  # with_odometry raises where there is none
    odometry = planar_odometry(drive.odom_T_base)
    true_poses = planar.from_se3(drive.map_T_base)

    for position, belief in replay(localizer, drive, odometry):
        x, y, yaw = belief.most_likely
        error = np.linalg.norm(belief.most_likely[:2] - true_poses[position, :2])
        state = "localized" if belief.localized else f"not localized ({belief.reason})"
        print(
            f"{belief.stamp * 1e-9:.3f} s  x {x:.2f} m, y {y:.2f} m, yaw {np.degrees(yaw):.0f} deg, spread"
            f" {belief.spread:.2f} m, {len(belief.particles)} particles, true error {error:.2f} m, {state}"
        )


if __name__ == "__main__":
    main()
