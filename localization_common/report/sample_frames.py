"""Figure of sample frames with their labels over them, estimate below image and ground truth below estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from localization_common.report.palette import label_color, label_palette, tinted
from localization_common.report.style import house_style

Image = npt.NDArray[np.uint8]

IGNORE = 255


@dataclass(frozen=True)
class LabelledFrame:
    """Image (H, W, 3), its estimated labels (H, W), its true labels where known, and a caption with the time."""

    image: Image
    labels: Image
    truth: Image | None
    caption: str


def overlay(image: Image, labels: Image, *, opacity: float = 0.55) -> Image:
    """Tint each labelled pixel of an image (H, W, 3) in the colour of its class; pixels with 255 do not change."""
    mixed: Image = np.where((labels == IGNORE)[..., None], image, tinted(image, label_palette()[labels], opacity))
    return mixed


def sample_frames(frames: Sequence[LabelledFrame], class_names: Sequence[str], *, title: str = "") -> Figure:
    """Draw one column for each frame: the image, the estimate over it, and the ground truth over it where known."""
    with_truth = any(frame.truth is not None for frame in frames)
    height, width = frames[0].image.shape[:2]
    rows = ["image", "estimate", *(["ground truth"] if with_truth else [])]
    cell = 9.6 / len(frames)
    with house_style():
        figure = Figure(figsize=(9.6, cell * height / width * len(rows) + 1.1), layout="constrained")
        grid = figure.subplots(len(rows), len(frames), squeeze=False)
        for column, frame in enumerate(frames):
            shown = [frame.image, overlay(frame.image, frame.labels)]
            if with_truth:
                shown.append(frame.image if frame.truth is None else overlay(frame.image, frame.truth))
            for row, picture in enumerate(shown):
                axes = grid[row, column]
                axes.imshow(picture, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.grid(False)
                axes.spines[:].set_visible(False)
                if column == 0:
                    axes.set_ylabel(rows[row])
            grid[0, column].set_title(frame.caption, fontweight="normal", fontsize=9)
        _legend(figure, frames, class_names)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


def _legend(figure: Figure, frames: Sequence[LabelledFrame], class_names: Sequence[str]) -> None:
    seen = np.unique(np.concatenate([np.unique(x) for f in frames for x in (f.labels, f.truth) if x is not None]))
    names = {int(i): class_names[i] if i < len(class_names) else f"class {i}" for i in seen if i != IGNORE}
    patches = [Patch(color=label_color(i), label=name) for i, name in names.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(8, max(1, len(patches))), fontsize=8.5)
