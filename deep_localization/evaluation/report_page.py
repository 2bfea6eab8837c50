"""Report of an evaluation: pictures, trajectory files and one HTML page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deep_localization.evaluation import metrics_summary, scoring
from deep_localization.evaluation.drive_results import Array, Results, common_stamps, trajectory
from deep_localization.evaluation.result_file import ResultFile
from localization_common.datasets.sequence import Sequence
from localization_common.files import trajectory_files
from localization_common.geometry import planar, se3
from localization_common.report import beliefs, html, interactive, plots, sample_frames, style
from localization_common.report.drive_tracks import DriveTrack, ErrorSeries

_SOURCES = {
    "live": "Results of the nodes, which ran in their own processes.",
    "offline": "Results of the localizers without nodes, frame by frame.",
}

#: Numbers of frames after which the belief is shown, besides the last frame.
BELIEF_STEPS = (0, 1, 2, 5, 10)


def write_all(
    folder: Path,
    results: Results,
    truth: Sequence,
    result: ResultFile,
    *,
    contexts: Array,
) -> None:
    """Write all files of an evaluation into a folder.

    The files are ``metrics.json``, ``result.json``, ``report.html``, its pictures as PNG and the trajectories as TUM
    files.

    Args:
        contexts: planar poses (N, 3) of the map's views, for the belief maps; N may be 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scoring.write_metrics(folder / "metrics.json", result.metrics)
    result.write(folder / "result.json")
    write_trajectories(folder, results, truth)
    sections = [html.Section("Summary", parts=[html.ValueTable(_summary(result))])]
    sections += _paths(folder, results, truth)
    sections += _errors(folder, results, truth)
    sections += _labels(folder, results, truth)
    sections += _beliefs(folder, results, truth, contexts)
    sections += _recording(truth)
    lead = (
        f"{truth.name}: {len(truth)} frames, {(truth.stamps[-1] - truth.stamps[0]) * 1e-9:.0f} s. "
        + _SOURCES[results.source]
    )
    footer = f"{result.command}  {f'(commit {result.commit})' if result.commit else ''}"
    html.write_report(folder / "report.html", title=result.title, lead=lead, sections=sections, footer=footer)


def _summary(result: ResultFile) -> list[tuple[str, list[html.Row]]]:
    groups = metrics_summary.rows(result.metrics, result.aims)
    if result.baselines:
        rows = [html.Row(b.name, f"{b.median_m:.3f} m", f"{b.median_deg:.2f} deg; medians") for b in result.baselines]
        groups.append(("For comparison, on the same frames", rows))
    if result.notes:
        groups.append(("Checks", [html.Row(name, "", text) for name, text in result.notes.items()]))
    return groups


def _recording(truth: Sequence) -> list[html.Section]:
    """Section about the recording: found, assumed and left out."""
    account = truth.summary
    groups = [
        ("Found", [html.Row(finding.name, "", finding.text) for finding in account.found]),
        ("Assumed", [html.Row(sentence, "", "") for sentence in account.assumed]),
        ("Left out", [html.Row(part.what, str(part.count), part.reason) for part in account.left_out]),
    ]
    shown = [(title, rows) for title, rows in groups if rows]
    return [html.Section("Recording", account.source, [html.ValueTable(shown)])] if shown else []


def write_trajectories(folder: Path, results: Results, truth: Sequence) -> None:
    """Write TUM files of the true and the estimated poses of the base, for evo and other tools."""
    known = truth.has_pose
    if known.any():
        trajectory_files.write_tum(folder / "ground_truth.tum", truth.stamps[known], truth.map_T_base[known])
    named = (("pose", results.map_T_base), ("odometry", results.odom_T_base), ("belief", results.planar_T_base))
    for name, poses in named:
        if poses:
            trajectory_files.write_tum(folder / f"{name}.tum", *trajectory(poses))


def _paths(folder: Path, results: Results, truth: Sequence) -> list[html.Section]:
    start = truth.stamps[0]

    def track(name: str, poses: dict[int, Array], color: str, dashed: bool = False) -> DriveTrack:
        stamps, stacked = trajectory(poses)
        return DriveTrack(name, (stamps - start) * 1e-9, stacked[:, :3, 3], color, dashed)

    true_track, estimates = None, []
    if truth.has_pose.any():
        true_track = DriveTrack("ground truth", (truth.stamps - start) * 1e-9, truth.map_T_base[:, :3, 3], style.TRUTH)
    if results.odom_T_base:
        estimates.append(track("odometry", _anchored(results.odom_T_base, truth), style.ODOMETRY, dashed=True))
    if results.planar_T_base:
        estimates.append(track("belief", results.planar_T_base, style.BELIEF, dashed=True))
    if results.map_T_base:
        estimates.append(track("pose", results.map_T_base, style.POSE))
    if true_track is None and not estimates:
        return []
    plots.save_png(plots.trajectory(true_track, estimates, title=truth.name), folder / "trajectory.png")
    lead = "Seen from above. Odometry starts at the true pose, again after each pause, and is never corrected."
    return [html.Section("Trajectories", lead, [interactive.trajectory(true_track, estimates)])]


def _anchored(odom_T_base: dict[int, Array], truth: Sequence) -> dict[int, Array]:
    """Move the odometry so that it begins at the next true pose, and again after every pause of the odometry."""
    known = np.flatnonzero(truth.has_pose)
    anchored, previous, map_T_odom = {}, None, np.eye(4)
    for stamp in sorted(odom_T_base):
        if previous is None or stamp - previous > scoring.MAX_GAP_S * 1e9:
            later = int(np.searchsorted(truth.stamps[known], stamp))
            if later < len(known) and (at := int(truth.stamps[known[later]])) in odom_T_base:
                map_T_odom = truth.map_T_base[known[later]] @ se3.inverse(odom_T_base[at])
        anchored[stamp], previous = map_T_odom @ odom_T_base[stamp], stamp
    return anchored


def _errors(folder: Path, results: Results, truth: Sequence) -> list[html.Section]:
    series = []
    if results.map_T_base:
        stamps, errors = scoring.pose_errors(results.map_T_base, truth)
        times = (stamps - truth.stamps[0]) * 1e-9
        series.append(ErrorSeries("pose", times, errors.metres, "m", style.POSE))
        series.append(ErrorSeries("pose", times, errors.degrees, "deg", style.ERROR_ANGLE))
    stamps, metres = scoring.belief_errors(results, truth)
    if len(stamps):
        times = (stamps - truth.stamps[0]) * 1e-9
        series.append(ErrorSeries("belief", times, metres, "m", style.BELIEF))
    series = [one for one in series if len(one.times)]
    if not series:
        return []
    plots.save_png(plots.errors_over_time(series, title="Errors over time"), folder / "errors.png")
    spread = plots.save_png(plots.error_distribution(series), folder / "error_distribution.png")
    caption = "Distribution of the errors: share of frames whose error is at most so large."
    return [html.Section("Errors", "Over the drive.", [interactive.errors(series), html.Picture(spread, caption)])]


def _labels(folder: Path, results: Results, truth: Sequence, *, count: int = 4) -> list[html.Section]:
    stamps, positions = common_stamps(results.labels, truth.stamps)
    if len(stamps) == 0:
        return []
    # Not at the ends, where the robot stands.
    chosen = np.unique(np.linspace(0, len(stamps) - 1, count + 2).round().astype(int)[1:-1])
    shown = []
    for stamp, position in zip(stamps[chosen].tolist(), positions[chosen].tolist(), strict=True):
        true = None if truth.read_labels is None else truth.read_labels(position)
        caption = f"{(stamp - truth.stamps[0]) * 1e-9:.1f} s"
        shown.append(sample_frames.LabelledFrame(truth.read_image(position), results.labels[stamp], true, caption))
    figure = sample_frames.sample_frames(shown, truth.class_names)
    png = plots.save_png(figure, folder / "sample_frames.png")
    return [html.Section("Sample frames", parts=[html.Picture(png, "Images of the camera and their labels.")])]


def _beliefs(folder: Path, results: Results, truth: Sequence, contexts: Array) -> list[html.Section]:
    stamps, positions = common_stamps(results.beliefs, truth.stamps)
    steps = [step for step in (*BELIEF_STEPS, len(stamps) - 1) if 0 <= step < len(stamps)]
    pictures, bounds = [], None
    true_poses = planar.from_se3(truth.map_T_base)
    for step in dict.fromkeys(steps):
        belief = results.beliefs[int(stamps[step])]
        if belief.density is not None:
            bounds = bounds or belief.bounds
            pictures.append(
                beliefs.BeliefPicture(
                    belief.density,
                    true_poses[positions[step]] if truth.has_pose[positions[step]] else None,
                    f"after frame {step + 1}",
                    belief.pose,
                )
            )
    if bounds is None:
        return []
    png = plots.save_png(beliefs.belief_maps(pictures, contexts, bounds), folder / "beliefs.png")
    lead = "Weights of the particles, summed over yaw, from a uniform belief on; darker is more probable."
    return [
        html.Section(
            "Belief of the particle filter",
            lead,
            [html.Picture(png, "Context poses green, truth blue, published pose purple.")],
        )
    ]
