"""Whole sequences as ROS 2 bags, and the command ``sequence_to_bag``. Needs no ROS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from localization_common.command_line import command, options_of
from localization_common.datasets.bag_writer import BagStorage, BagWriter, OdometryReading, removed_on_failure
from localization_common.datasets.frame_ranges import FrameRanges
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.sequence import Sequence


def write_sequence(
    sequence: Sequence,
    path: str | Path,
    *,
    odometry: Iterable[OdometryReading] | None = None,
    storage: BagStorage = "mcap",
    topics: BagTopics | None = None,
) -> None:
    """Write a whole sequence as a bag, in order of stamps.

    Args:
        sequence: frames; ground truth, depth and labels are written where the sequence has them.
        path: directory of the bag; must not exist.
        odometry: wheel odometry of the drive in order of stamps; None: the sequence's own odometry, if it has one.
        storage: ``mcap`` or ``sqlite3``.
        topics: other topic names.

    A bag that cannot be finished is removed: it would be in the way of the next attempt.

    Raises:
        DatasetError: the bag exists already, a frame does not fit the camera, or the disk is full.
    """
    if odometry is None:
        odometry = _own_odometry(sequence)
    waiting = sorted(odometry, key=lambda sample: sample.stamp)
    start = min(int(sequence.stamps[0]), waiting[0].stamp) if waiting else int(sequence.stamps[0])
    names = sequence.class_names
    with (
        removed_on_failure(Path(path)),
        BagWriter(
            path,
            sequence.camera,
            sequence.base_T_camera,
            start=start,
            class_names=names,
            storage=storage,
            topics=topics,
        ) as writer,
    ):
        sent, posed = 0, sequence.has_pose
        for i, stamp in enumerate(sequence.stamps.tolist()):
            while sent < len(waiting) and waiting[sent].stamp <= stamp:
                writer.write_odometry(waiting[sent])
                sent += 1
            writer.write_frame(
                stamp,
                sequence.read_image(i),
                map_T_camera=sequence.map_T_camera[i] if posed[i] else None,
                depth=None if sequence.read_depth is None else sequence.read_depth(i),
                labels=None if sequence.read_labels is None else sequence.read_labels(i),
            )
        for sample in waiting[sent:]:
            writer.write_odometry(sample)


def _own_odometry(sequence: Sequence) -> list[OdometryReading]:
    """Odometry messages at the frames where the odometry is known."""
    if sequence.odom_T_base is None:
        return []
    known = sequence.has_odometry
    samples = zip(sequence.stamps[known].tolist(), sequence.odom_T_base[known], strict=True)
    return [OdometryReading(stamp, odom_T_base) for stamp, odom_T_base in samples]


@dataclass(frozen=True)
class Conversion:
    """Write a recording of any supported format as a ROS 2 bag.

    Attributes:
        source: directory or bag to read.
        output: bag directory to write; must not exist.
        frames: frame numbers to write, such as 200-239,450-489; by default all.
        exclude: frame numbers to leave out.
        storage: storage of the bag.
        output_topics: names of the topics in the bag that is written.
        recording: options of reading the source.
    """

    source: Annotated[Path, tyro.conf.Positional]
    output: Annotated[Path, tyro.conf.Positional]
    frames: str | None = None
    exclude: str | None = None
    storage: BagStorage = "mcap"
    output_topics: BagTopics = field(default_factory=BagTopics)
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def convert(conversion: Conversion) -> Sequence:
    """Write the bag; return the sequence that was written."""
    sequence = announce(open_sequence(conversion.source, conversion.recording))
    if conversion.frames is not None:
        sequence = sequence.with_numbers(FrameRanges.parse(conversion.frames))
    if conversion.exclude is not None:
        sequence = sequence.without_numbers(FrameRanges.parse(conversion.exclude))
    write_sequence(sequence, conversion.output, storage=conversion.storage, topics=conversion.output_topics)
    return sequence


def main() -> None:
    """Entry point of ``sequence_to_bag``."""
    with command("sequence_to_bag"):
        conversion = options_of(Conversion)
        sequence = convert(conversion)
        print(f"{conversion.output}: {len(sequence)} frames of {sequence.name}")


if __name__ == "__main__":
    main()
