"""Command ``evaluate_bag``: accuracy of the localizers on a bag or another recording, in numbers and pictures."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from deep_localization.evaluation import metrics_summary, report_page, scoring
from deep_localization.evaluation.comparison import baselines, constant_motion, differences, training_sequences
from deep_localization.evaluation.drive_results import Array, Results
from deep_localization.evaluation.live import run_live
from deep_localization.evaluation.localizers import Localizers, contexts_of, load
from deep_localization.evaluation.models import Models, models_of
from deep_localization.evaluation.offline import Observer, filter_odometry, random_starts, run_offline
from deep_localization.evaluation.progress import progress_line
from deep_localization.evaluation.result_file import ResultFile
from deep_localization.viewer.rerun_library import require_rerun
from dmn_ros.filter.filter_config import FilterConfig
from localization_common import command_line
from localization_common.datasets.formats import is_bag
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.datasets.sequence import Sequence
from localization_common.files.git_commit import commit_of
from localization_common.files.outputs import require_writable_file, require_writable_folder, writing_to
from vlocnet_ros.runtime.replay import recorded_odometry


@dataclass(frozen=True)
class Evaluation:
    """Localize every frame of a bag and compare with its ground truth.

    Attributes:
        bag: recording in any supported format: a bag (directory or file), a data set.
        vlocnet: vlocnet checkpoint; by default the place's, if it has one.
        dmn: dmn checkpoint; needs --map. With a place by default the place's, else that of the simulated apartment.
        map: context map that was made with the dmn checkpoint; by default the place's, if it has one.
        keyframe_map: keyframe map for the refinement of vlocnet's poses, made by vlocnet_build_keyframes; by default
            the place's, if it has one. Without a vlocnet checkpoint, its poses and the recorded odometry are evaluated.
        output: folder for metrics.json, report.html, result.json, pictures and trajectories.
        live: replay the recording through the nodes, each a process of its own, and score their messages; the distance
            to the offline poses is reported too.
        recorded_odometry: move the particles by the bag's odometry instead of vlocnet's.
        score_poses: score poses in the map; --no-score-poses for a network that has odometry only.
        starts: random places at which the particle filter starts from a uniform belief; 0 for none.
        segment_m: length in metres of the path segments over which odometry is scored.
        train_data: training data of the networks; adds the pose of the nearest training frame as a baseline.
        exclude: frame numbers of the training data that were held out, such as 200-239,450-489.
        aims: bounds to compare with.
        title: title of the report; by default the name of the data.
        threads: number of torch threads of each network.
        rerun: file (.rrd) of a recording for the viewer Rerun, which is installed with pip install rerun-sdk: images,
            labels, matched points, paths, particles, maps, covariances and errors of the localizers without nodes.
        filter: parameters of the particle filter.
        recording: options of the reader; for the training data too, if they are a bag.
    """

    bag: Annotated[Path, tyro.conf.Positional]
    vlocnet: Path | None = None
    dmn: Path | None = None
    map: Path | None = None
    keyframe_map: Path | None = None
    output: Path = Path("build/evaluation")
    live: bool = False
    recorded_odometry: bool = False
    score_poses: bool = True
    starts: int = 50
    segment_m: float = 1.0
    train_data: Path | None = None
    exclude: str = ""
    aims: Literal["none", "apartment", "redkitchen"] = "none"
    title: str = ""
    threads: int = 1
    rerun: Path | None = None
    filter: FilterConfig = field(default_factory=FilterConfig)
    recording: RecordingArgument = field(default_factory=RecordingOptions)

    @property
    def models(self) -> Models:
        """Files of the networks and maps."""
        return models_of(self.recording.place, self.vlocnet, self.dmn, self.map, self.keyframe_map)


def evaluate(options: Evaluation, *, command: str) -> ResultFile:
    """Run the evaluation and write the results into the output folder.

    Args:
        options: options of the command.
        command: command line that repeats the evaluation, for the report.
    """
    if options.rerun is not None:
        require_rerun()
    require_writable_folder(options.output)
    require_writable_file(options.rerun, "rerun")
    models = options.models
    truth = _open(options)
    wheels = options.recorded_odometry or (models.without_network and truth.odom_T_base is not None)
    localizers = load(models, options.threads, options.filter, recorded_odometry(truth))
    with _observer(options.rerun, truth, localizers, models) as observer:
        progress = progress_line("offline")
        offline = run_offline(truth, localizers, recorded_odometry=wheels, progress=progress, observer=observer)
    if not options.score_poses:
        offline.map_T_base.clear()
    results, notes = offline, {}
    if options.live:
        results = run_live(
            truth,
            models,
            log_dir=options.output / "log",
            recorded_odometry=wheels,
            threads=options.threads,
            filter_config=options.filter,
            progress=progress_line("live"),
        )
        if not options.score_poses:
            results.map_T_base.clear()
        notes = differences(results, offline)
        notes["frames lost in transport"] = str(results.lost_in_transport)
    notes |= _accounts(truth, offline)
    starts = _starts(options, localizers, truth, offline, recorded=wheels)
    values = scoring.score(results, truth, start_errors=starts, segment_m=options.segment_m)
    compared = []
    if options.train_data is not None and truth.has_pose.any():
        place = options.recording.place
        shared = replace(options.recording, poses="") if is_bag(options.train_data) else RecordingOptions(place=place)
        train = training_sequences(options.train_data, options.exclude, shared)
        compared = baselines(train, truth) if options.score_poses else []
        notes.update(constant_motion(train, truth, options.segment_m) if results.odom_T_base else {})
    aims = metrics_summary.AIMS[options.aims]
    title = options.title or f"Localization of {truth.name}"
    commit = commit_of(Path(__file__).parent)
    result = ResultFile(title, command, commit, values, compared, aims, notes)
    with writing_to(options.output):
        report_page.write_all(options.output, results, truth, result, contexts=contexts_of(localizers))
    return result


def _open(options: Evaluation) -> Sequence:
    return announce(open_sequence(options.bag, options.recording))


@contextmanager
def _observer(path: Path | None, truth: Sequence, localizers: Localizers, models: Models) -> Iterator[Observer | None]:
    """Observer that writes a recording for Rerun; None without a path."""
    if path is None:
        yield None
        return
    from deep_localization.evaluation.rerun_recording import recording  # imported here: Rerun is optional

    with recording(path, truth, localizers, models) as observer:
        yield observer


def _accounts(truth: Sequence, offline: Results) -> dict[str, str]:
    """Numbers of frames without a score, with the reasons; empty if all have one."""
    without = len(truth) - int(truth.has_pose.sum())
    reasons = Counter(offline.refused.values())
    notes = {
        "frames without true pose": f"{without} of {len(truth)}, estimated but not scored" if without else "",
        "frames left out of the recording": str(truth.summary.frames_left_out or ""),
        "frames refused by the network": "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common(3)),
    }
    return {name: text for name, text in notes.items() if text}


def _starts(
    options: Evaluation, localizers: Localizers, truth: Sequence, offline: Results, *, recorded: bool
) -> Array | None:
    if localizers.dmn is None or options.starts < 1 or not truth.has_pose.any():
        return None
    odometry = filter_odometry(truth, offline, recorded=recorded)
    return random_starts(localizers.dmn, truth, odometry, count=options.starts, progress=progress_line("random starts"))


def main() -> None:
    """Entry point of ``evaluate_bag``."""
    with command_line.command("evaluate_bag"):
        options = command_line.options_of(Evaluation)
        result = evaluate(options, command=shlex.join(["evaluate_bag", *sys.argv[1:]]))
        print(result.text())
        print(f"report: {options.output / 'report.html'}")
        if options.rerun is not None:
            print(f"recording: rerun {options.rerun}")


if __name__ == "__main__":
    main()
