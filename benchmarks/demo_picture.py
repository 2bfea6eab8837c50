"""Picture of the README: a drive seen from above with what both localizers publish, and what the camera saw.

``python benchmarks/demo_picture.py build/apartment/test`` feeds a recorded drive through the shipped networks, frame by
frame as ``evaluate_bag`` does, and writes docs/images/demo.jpg. The drive is the held-out one that
``apartment_record --output build/apartment --train 0 --no-val`` renders; no network was trained with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
import tyro
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from deep_localization.evaluation import scoring
from deep_localization.evaluation.drive_results import Results, trajectory
from deep_localization.evaluation.localizers import load
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.offline import run_offline
from deep_localization.evaluation.progress import progress_line
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.report import style
from localization_common.report.palette import label_color
from localization_common.report.sample_frames import overlay

Array = npt.NDArray[np.float64]

#: Where along the drive its frames are shown, as shares of it.
MOMENTS = (0.17, 0.62, 0.80)
#: JPEG quality; the picture has to stay below 200 kB.
QUALITY = 84


@dataclass(frozen=True)
class Config:
    """Draw the picture of the README.

    Attributes:
        bag: recorded drive with true poses.
        output: JPEG file to write.
        vlocnet: checkpoint.
        dmn: checkpoint.
        map: context map made with that checkpoint.
        threads: of torch, for each network.
    """

    bag: Annotated[Path, tyro.conf.Positional]
    output: Path = Path("docs/images/demo.jpg")
    vlocnet: Path = Path("models/vlocnet_apartment_light.safetensors")
    dmn: Path = Path("models/dmn_apartment.safetensors")
    map: Path = Path("models/apartment_map.safetensors")
    threads: int = 1


def picture(truth: Sequence, results: Results) -> Figure:
    """Path and errors on the left, frames with their labels on the right."""
    moments = [int(share * len(truth)) for share in MOMENTS]
    with style.house_style():
        figure = Figure(figsize=(13.5, 5.2))
        left = figure.add_gridspec(
            2, 1, left=0.045, right=0.44, top=0.885, bottom=0.095, height_ratios=(2.6, 1.0), hspace=0.42
        )
        _draw_paths(figure.add_subplot(left[0]), truth, results, moments)
        _draw_errors(figure.add_subplot(left[1]), truth, results)
        right = figure.add_gridspec(
            2, len(moments), left=0.46, right=0.995, top=0.945, bottom=0.19, wspace=0.03, hspace=0.0
        )
        for column, position in enumerate(moments):
            image, labels = truth.read_image(position), results.labels[int(truth.stamps[position])]
            for row, shown in enumerate((image, overlay(image, labels))):
                axes = figure.add_subplot(right[row, column])
                axes.imshow(shown, interpolation="lanczos")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if row == 0:
                    axes.set_title(f"camera frame {column + 1} and its labels", fontsize=10, fontweight="normal")
        seen = np.unique(np.stack([results.labels[int(truth.stamps[position])] for position in moments]))
        patches = [Patch(color=label_color(i), label=truth.class_names[i]) for i in seen.tolist() if i != 255]
        place = {"loc": "center", "bbox_to_anchor": (0.728, 0.075), "ncols": -(-len(patches) // 2)}
        figure.legend(handles=patches, fontsize=9, columnspacing=1.5, **place)
    return figure


def _draw_paths(axes: Axes, truth: Sequence, results: Results, moments: list[int]) -> None:
    stamps, odometry = trajectory(results.odom_T_base)
    start = int(np.searchsorted(truth.stamps, stamps[0]))
    odometry = truth.map_T_base[start] @ se3.inverse(odometry[0]) @ odometry
    for poses, name, color, width, dashes in (
        (truth.map_T_base, "true path", "#b8c0c8", 6.0, "-"),
        (odometry, "odometry of vlocnet, never corrected", style.ODOMETRY, 1.4, "--"),
        (trajectory(results.planar_T_base)[1], "pose of dmn's belief", style.BELIEF, 1.3, "-"),
        (trajectory(results.map_T_base)[1], "pose of vlocnet", style.POSE, 1.6, "-"),
    ):
        axes.plot(poses[:, 0, 3], poses[:, 1, 3], color=color, linewidth=width, linestyle=dashes, label=name)
    for number, position in enumerate(moments, start=1):
        _mark(axes, truth.map_T_base[position], number)
    axes.set(xlabel="x [m]", ylabel="y [m]")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9, columnspacing=1.2)


def _draw_errors(axes: Axes, truth: Sequence, results: Results) -> None:
    """Position errors over time, with their medians."""
    pose_stamps, poses = scoring.pose_errors(results.map_T_base, truth)
    belief_stamps, metres = scoring.belief_errors(results, truth)
    for stamps, errors, color in ((belief_stamps, metres, style.BELIEF), (pose_stamps, poses.metres, style.POSE)):
        name = f"median {100.0 * np.median(errors):.1f} cm"
        axes.plot((stamps - truth.stamps[0]) * 1e-9, 100.0 * errors, color=color, linewidth=1.2, label=name)
    axes.set(xlabel="time [s]", ylabel="error [cm]", ylim=(0.0, None))
    axes.set_xlim(0.0, (truth.stamps[-1] - truth.stamps[0]) * 1e-9)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.9), ncols=2, fontsize=9)


def _mark(axes: Axes, map_T_base: Array, number: int) -> None:
    """Number of a frame where it was taken, with an arrow along the camera's view."""
    (x, y), (dx, dy) = map_T_base[:2, 3].tolist(), (0.55 * map_T_base[:2, 0]).tolist()
    axes.annotate(
        "",
        xytext=(x, y),
        xy=(x + dx, y + dy),
        arrowprops={"arrowstyle": "-|>", "color": style.INK, "linewidth": 1.5},
        zorder=5,
    )
    axes.plot(x, y, "o", color=style.INK, markersize=15, zorder=6)
    axes.text(x, y, str(number), color=style.PAPER, ha="center", va="center", fontweight="bold", zorder=7)


def main() -> None:
    """Entry point."""
    config = tyro.cli(Config, description=__doc__)
    truth = open_sequence(config.bag)
    localizers = load(Models(config.vlocnet, config.dmn, config.map), config.threads, FilterConfig())
    results = run_offline(truth, localizers, progress=progress_line("frames"))
    canvas = FigureCanvasAgg(picture(truth, results))
    with style.house_style():
        canvas.draw()
    rgb = np.asarray(canvas.buffer_rgba())[..., :3]
    config.output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(config.output), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    print(f"{config.output}: {rgb.shape[1]}x{rgb.shape[0]}, {config.output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
