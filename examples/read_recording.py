"""Open a recording in any format, print what was found in it, and export its true path.

    python examples/read_recording.py build/apartment/test --tum path.tum --plot path.png

Formats: bags of ROS 2 and ROS 1, EuRoC, TUM RGB-D, KITTI, 7-Scenes, COLMAP and others, see docs/reference.md. Without a
recording at hand, `apartment_record --output build/apartment --train 0 --no-val` renders this one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.files.trajectory_files import write_tum
from localization_common.report import style
from localization_common.report.drive_tracks import DriveTrack
from localization_common.report.plots import save_png, trajectory


def main() -> None:
    """Read the recording that the command line names."""
    parser = argparse.ArgumentParser(description="Print what is in a recording; export its true path.")
    parser.add_argument("recording", type=Path, help="bag or directory of a data set")
    parser.add_argument("--tum", type=Path, help="text file to write: stamp tx ty tz qx qy qz qw, of the robot's base")
    parser.add_argument("--plot", type=Path, help="PNG file to write: the path seen from above")
    options = parser.parse_args()

    # Images are read when they are asked for, so that opening a long recording takes little memory.
    recording = open_sequence(options.recording)
    print(recording.summary.text())
    print(f"{len(recording)} images, {int(recording.has_pose.sum())} of them with a true pose")
    print(f"first image: {recording.read_image(0).shape} {recording.read_image(0).dtype}, RGB")

    known = recording.with_poses()
    if options.tum:
        write_tum(options.tum, known.stamps, known.map_T_base)
        print(f"wrote {options.tum}: compare it with others by evo_traj tum {options.tum}")
    if options.plot:
        save_png(trajectory(true_path(known), [], title=known.name), options.plot)
        print(f"wrote {options.plot}")


def true_path(recording: Sequence) -> DriveTrack:
    """True positions of the robot's base, for a plot."""
    seconds = (recording.stamps - recording.stamps[0]) * 1e-9
    return DriveTrack("true path", seconds, recording.map_T_base[:, :3, 3], style.TRUTH)


if __name__ == "__main__":
    main()
