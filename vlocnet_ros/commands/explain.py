"""`vlocnet_explain`: draw Grad-CAM++ heat maps of the poses of frames, for one checkpoint or several side by side.

The first column is the camera's image. Each other column is a checkpoint's heat map over it, with the pose's error.
"""

from __future__ import annotations

from collections.abc import Sequence as Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from localization_common.command_line import command, options_of
from localization_common.datasets.frame_ranges import FrameRanges
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.outputs import require_writable_file, writing_to
from localization_common.metrics import pose_metrics
from localization_common.place.choice import named_or_part, open_if_given
from localization_common.report.palette import heat_overlay, heat_palette
from localization_common.report.plots import save_png
from localization_common.report.style import house_style
from vlocnet_ros.runtime.grad_cam import Layer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.replay import estimates

Image = npt.NDArray[np.uint8]

OPACITY = 0.8


@dataclass(frozen=True)
class ExplainConfig:
    """Draw Grad-CAM++ heat maps of the poses of frames, for several VLocNet++ checkpoints side by side.

    Attributes:
        sequence: recording in any format that can be read.
        frames: numbers of the frames, one per row, such as 10,50 or 100-103.
        output: PNG file to write.
        checkpoints: safetensors files, one per column, for example single-task, then multitask; by default the place's.
        layer: block of the pose stream whose features are weighted: res5, as in the paper, res4 or res3 for finer maps.
        max_frame_gap: largest difference of the frame numbers of a pair.
        recording: options for reading the recording.
    """

    sequence: Path
    frames: str
    output: Path
    checkpoints: tuple[Path, ...] = ()
    layer: Layer = "res5"
    max_frame_gap: int = 1
    device: str = "cpu"
    recording: RecordingArgument = field(default_factory=RecordingOptions)


@dataclass(frozen=True)
class ExplainedFrame:
    """Heat (H, W), 0..1, in the camera's image, and the error of its pose (NaN if the true pose is unknown)."""

    heat: npt.NDArray[np.float32]
    metres: float
    degrees: float


@dataclass(frozen=True)
class HeatMapColumn:
    """Heat maps of one checkpoint for all frames, with its name and the tasks of its network."""

    name: str
    tasks: str
    frames: list[ExplainedFrame]


def main() -> None:
    """Entry point of `vlocnet_explain`."""
    with command("vlocnet_explain"):
        config = options_of(ExplainConfig, __doc__)
        require_writable_file(config.output)
        checkpoints = config.checkpoints or (
            named_or_part(None, open_if_given(config.recording.place), "vlocnet", "checkpoints"),
        )
        sequence = announce(open_sequence(config.sequence, config.recording))
        chosen = FrameRanges.parse(config.frames).mask(sequence.frame_numbers)
        if not chosen.any():
            raise DatasetError(f"{sequence.name}: none of its frames has a number in {config.frames}")
        pairs, columns = sequence.pairs(config.max_frame_gap), []
        for checkpoint in checkpoints:
            localizer = Localizer.from_checkpoint(checkpoint, device=config.device)
            frames = explain_frames(localizer, sequence, np.nonzero(chosen)[0], pairs, config.layer)
            tasks = ", ".join(name for name, present in asdict(localizer.tasks).items() if present)
            columns.append(HeatMapColumn(checkpoint.stem, tasks, frames))
        images = sequence.select(chosen)
        with writing_to(config.output):
            config.output.parent.mkdir(parents=True, exist_ok=True)
            save_png(draw(images, columns), config.output)


def explain_frames(
    localizer: Localizer,
    sequence: Sequence,
    positions: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
    layer: Layer = "res5",
) -> list[ExplainedFrame]:
    """Compute heat maps of the frames at these positions, each after its previous frame if they are a pair."""
    before = {int(current): int(previous) for previous, current in pairs}
    explained = []
    for position in positions.tolist():
        pair = [*([before[position]] if position in before else []), position]
        estimate = estimates(localizer, sequence.select(pair))[-1]
        heat = localizer.labels_in_image(localizer.explain(layer=layer), fill=0)
        assert estimate.regressed_T_camera is not None  # `explain` needs it, too
        explained.append(ExplainedFrame(heat, *_error(estimate.regressed_T_camera, sequence.map_T_camera[position])))
    return explained


def _error(estimated: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return metres and degrees between poses (4, 4); NaN if the true one is unknown."""
    if not np.isfinite(truth).all():
        return float("nan"), float("nan")
    errors = pose_metrics.pose_errors(estimated[None], truth[None])
    return float(errors.metres[0]), float(errors.degrees[0])


def draw(sequence: Sequence, columns: Collection[HeatMapColumn]) -> Figure:
    """Draw one row per frame of the sequence: the image, then the heat map of each column over it."""
    rows = len(sequence)
    width = 3.2 * (1 + len(columns))
    height = 3.2 * sequence.camera.height / sequence.camera.width + 0.3
    with house_style():
        figure = Figure(figsize=(width, height * rows + 1.0), layout="constrained")
        grid = figure.subplots(rows, 1 + len(columns), squeeze=False)
        for row, number in enumerate(sequence.frame_numbers):
            image = sequence.read_image(row)
            _show(grid[row, 0], image, f"frame {number}")
            for axes, column in zip(grid[row, 1:], columns, strict=True):
                frame = column.frames[row]
                caption = f"pose off by {frame.metres:.2f} m, {frame.degrees:.1f}°"
                caption = caption if np.isfinite(frame.metres) else "true pose unknown"
                _show(axes, heat_overlay(image, frame.heat, OPACITY), caption)
        grid[0, 0].set_title("image", fontsize=10, pad=20)
        for axes, column in zip(grid[0, 1:], columns, strict=True):
            axes.set_title(column.name, fontsize=10, pad=20)
            axes.annotate(
                column.tasks, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=9
            )
        scale = ScalarMappable(cmap=ListedColormap(heat_palette() / 255.0))
        bar = figure.colorbar(scale, ax=grid, location="bottom", shrink=0.4, aspect=40, ticks=[0.0, 0.5, 1.0])
        bar.set_label("Grad-CAM++, share of each map's largest value", fontsize=9)
    return figure


def _show(axes: Axes, picture: Image, caption: str) -> None:
    axes.imshow(picture, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(caption, fontsize=9)


if __name__ == "__main__":
    main()
