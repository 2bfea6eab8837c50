"""Scores of a demonstration drive, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deep_localization.demo.demo_drive import DemoRecording
from deep_localization.demo.demo_options import Demo
from deep_localization.demo.simulated_robot import SimulatedRobot
from deep_localization.evaluation import metrics_summary, report_page, scoring
from deep_localization.evaluation.drive_results import Array, Results
from deep_localization.evaluation.localizers import Localizers, contexts_of, load
from deep_localization.evaluation.offline import filter_odometry, random_starts
from deep_localization.evaluation.progress import progress_line
from deep_localization.evaluation.result_file import ResultFile
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.git_commit import commit_of
from localization_sim.apartments.solid import CLASS_NAMES
from localization_sim.rendering import mounted_camera

TITLE = "Demonstration: held-out loop of the simulated apartment"


def evaluate(options: Demo, recording: DemoRecording) -> ResultFile:
    """Score a recorded drive and write metrics, report and pictures."""
    results, truth = recording.results, published_drive(options, recording)
    localizers = load(options.models, 1, FilterConfig())
    values = scoring.score(results, truth, start_errors=start_errors(options.starts, localizers, results, truth))
    notes = {
        "frames lost in transport": f"{results.lost_in_transport} of {results.frames_in} published by the simulator",
        "frames lost on the way to the recorder": str(results.frames_in - len(truth)),
    }
    result = ResultFile(
        title=TITLE + (", poses refined against a keyframe map" if options.refined else ""),
        command=f"localization_demo --keyframe-map {options.keyframe_map}" if options.refined else "make demo",
        commit=commit_of(Path(__file__).parent),
        metrics=values,
        aims=metrics_summary.AIMS["apartment"],
        notes=notes,
    )
    report_page.write_all(options.output, results, truth, result, contexts=contexts_of(localizers))
    return result


def published_drive(robot: SimulatedRobot, recording: DemoRecording) -> Sequence:
    """Make a sequence of the images, odometry and true poses that the simulator published.

    Raises:
        DatasetError: the simulator published nothing.
    """
    source = recording.source
    images, labels = source.by_stamp("image"), source.by_stamp("labels")
    truth = {stamp: r.matrix for stamp, r in source.by_stamp("ground_truth/pose").items() if stamp in images}
    if not truth:
        raise DatasetError(f"the simulator published no images with poses: see {robot.log_dir}")
    stamps = np.array(sorted(truth), dtype=np.int64)
    base_T_camera = mounted_camera()
    complete = all(stamp in labels for stamp in truth)
    return Sequence(
        name=f"apartment {robot.seed}, drive {robot.drive}",
        camera=Camera.from_field_of_view(robot.width, robot.height, 90.0),
        frame_numbers=np.arange(len(stamps)),
        stamps=stamps,
        map_T_camera=np.stack([truth[stamp] for stamp in stamps.tolist()]) @ base_T_camera,
        read_image=lambda i: images[int(stamps[i])].image,
        read_labels=(lambda i: labels[int(stamps[i])].image) if complete else None,
        class_names=CLASS_NAMES,
        base_T_camera=base_T_camera,
        odom_T_base=_at(stamps, {stamp: r.matrix for stamp, r in source.by_stamp("odom").items()}),
    )


def _at(stamps: npt.NDArray[np.int64], poses: Mapping[int, Array]) -> Array:
    """Poses (N, 4, 4) at these stamps; NaN where there is none."""
    return np.stack([poses.get(stamp, np.full((4, 4), np.nan)) for stamp in stamps.tolist()])


def start_errors(
    count: int, localizers: Localizers, results: Results, truth: Sequence, *, wheels: bool = False
) -> Array | None:
    """Errors of particle filters that start from a uniform belief at random frames; see `random_starts`.

    Args:
        count: number of starts.
        localizers: the filter.
        results: messages of the drive.
        truth: images and true poses of the drive.
        wheels: wheel odometry moves the particles, instead of vlocnet's.
    """
    # Without odometry nothing moves the particles.
    if count < 1 or localizers.dmn is None or not (wheels or results.odom_T_base):
        return None
    # Dropped frames have no odometry of vlocnet.
    driven = truth if wheels else truth.select(np.isin(truth.stamps, list(results.odom_T_base)))
    odometry = filter_odometry(driven, results, recorded=wheels)
    return random_starts(localizers.dmn, driven, odometry, count=count, progress=progress_line("random starts"))
