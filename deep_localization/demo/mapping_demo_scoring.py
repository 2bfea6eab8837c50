"""Scores of the mapping demonstration, against true poses that nothing else has used.

The map has a frame of its own. The rigid transform from it to the simulator's frame is fitted on the *mapping* drives,
never on the drive that is scored.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np

from deep_localization.demo.demo_drive import DemoRecording
from deep_localization.demo.demo_scoring import published_drive, start_errors
from deep_localization.demo.mapping_demo_options import MappingDemo
from deep_localization.evaluation import metrics_summary, report_page, scoring
from deep_localization.evaluation.drive_results import Array, Results
from deep_localization.evaluation.localizers import contexts_of, load
from deep_localization.evaluation.result_file import ResultFile
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.sequence import Sequence
from localization_common.files.git_commit import commit_of
from localization_common.geometry import se3
from localization_common.metrics.alignment import align
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.place import Place

TITLE = "Demonstration: a drive through an apartment that was mapped without true poses"


def evaluate(options: MappingDemo, recording: DemoRecording, mapped_s: float) -> ResultFile:
    """Score map and drive; write metrics, report and pictures.

    Args:
        options: options of the command.
        recording: messages of the drive.
        mapped_s: seconds that the place took.
    """
    estimated, true = mapped_poses(options)
    located = np.isfinite(estimated).all(axis=(1, 2))
    alignment = align(estimated, true)
    results = recording.results
    driven = published_drive(options, recording)
    truth = replace(driven, map_T_camera=se3.inverse(alignment.truth_T_estimated) @ driven.map_T_camera)
    localizers = load(options.models, 1, FilterConfig())
    starts = start_errors(options.starts, localizers, results, truth, wheels=True)
    errors = pose_errors(alignment.applied(estimated[located]), true[located])
    values = {
        "mapping": {
            "frames": len(estimated),
            "located": float(located.mean()),
            "median_m": errors.median_m,
            "p95_m": float(np.percentile(errors.metres, 95.0)),
            "median_deg": errors.median_deg,
            "scale_percent": abs(100.0 * align(estimated, true, scaled=True).scale_error),
            "seconds": mapped_s,
            "first_pose_s": first_pose_s(results, truth),
            "answered": len(results.map_T_base) / len(truth),
        },
        **scoring.score(results, truth, start_errors=starts),
    }
    result = ResultFile(
        title=TITLE,
        command="make demo-mapping",
        commit=commit_of(Path(__file__).parent),
        metrics=values,
        aims=metrics_summary.AIMS["mapping"],
        notes=_notes(options, recording, truth),
    )
    report_page.write_all(options.output, results, truth, result, contexts=contexts_of(localizers))
    return result


def mapped_poses(options: MappingDemo) -> tuple[Array, Array]:
    """Poses of the base (N, 4, 4) on the mapping drives, in the map and true; NaN where a frame was not located.

    Raises:
        DatasetError: the place was not made from the recordings.
    """
    estimated, true = [], []
    for recording, truth in zip(options.recordings, options.truths, strict=True):
        estimated.append(open_sequence(recording, RecordingOptions(place=options.place)).map_T_base)
        true.append(open_sequence(recording, RecordingOptions(poses=str(truth))).map_T_base)
    return np.concatenate(estimated), np.concatenate(true)


def first_pose_s(results: Results, truth: Sequence) -> float | None:
    """Seconds from the first image to the first image with a published pose; None without one."""
    return (min(results.map_T_base) - int(truth.stamps[0])) * 1e-9 if results.map_T_base else None


def _notes(options: MappingDemo, recording: DemoRecording, truth: Sequence) -> dict[str, str]:
    results = recording.results
    scale = Place.open(options.place).description.scale
    return {
        "scale of the map": scale.source,
        "frames lost in transport": f"{results.lost_in_transport} of {results.frames_in} published by the simulator",
        "frames lost on the way to the recorder": str(results.frames_in - len(truth)),
        "map made with": shlex.join(["localization_map", *options.map_command()[2:]]),
    }
