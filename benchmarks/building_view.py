"""Picture of a simulated office floor: plan with a tour, and frames of it: ``python benchmarks/building_view.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import tyro

from building_floors import CAMERA
from localization_sim import drive
from localization_sim.offices.office import Office
from localization_sim.rendering import Renderer

#: Frames beside each other under the plan, and their number.
_COLUMNS, _FRAMES = 6, 12


@dataclass(frozen=True)
class BuildingViewConfig:
    """Draw a floor.

    Attributes:
        area: area in square metres.
        seed: seed of the floor.
        output: picture to write.
    """

    area: float = 1200.0
    seed: int = 0
    output: Path = Path("docs/images/office.jpg")


def plan_picture(office: Office, path: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.uint8]:
    """Draw walls and furniture, glass, and a path (N, 2); returns an image of a width, RGB."""
    mpl.use("Agg")
    from matplotlib import pyplot

    plan, dpi = office.plan, 100
    figure = pyplot.figure(figsize=(width / dpi, width / dpi * plan.height / plan.width), dpi=dpi)
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.imshow(
        office.space.distance > 0.0, origin="lower", cmap="gray", extent=(0.0, plan.width, 0.0, plan.height), vmin=-0.3
    )
    axis.plot(path[:, 0], path[:, 1], color="tab:blue", lw=1.0)
    for glass in getattr(plan, "glass", ()):
        axis.plot([glass.start, glass.end], [glass.y, glass.y], color="cyan", lw=2.5)
    axis.set_axis_off()
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def main() -> None:
    """Draw the picture."""
    config = tyro.cli(BuildingViewConfig, description=__doc__)
    office = Office.of_area(config.area, config.seed, width=CAMERA.width, height=CAMERA.height)
    with Renderer(office, CAMERA) as renderer:
        tour = drive.plan(renderer, "test")
        sequence = drive.as_sequence(renderer, tour, depth=False, labels=False)
        shown = np.linspace(0, len(sequence) - 1, _FRAMES + 2).astype(int)[1:-1]
        frames = [sequence.read_image(int(i)) for i in shown]
    rows = [np.concatenate(frames[i : i + _COLUMNS], axis=1) for i in range(0, _FRAMES, _COLUMNS)]
    plan = plan_picture(office, tour.trajectory.poses[::25, :2], rows[0].shape[1])
    picture = np.concatenate([plan, *rows])
    small = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(config.output), cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
