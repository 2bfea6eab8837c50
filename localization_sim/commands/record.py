"""Command ``apartment_record``: record drives through an apartment as ROS 2 bags."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.command_line import command, options_of
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.files.outputs import require_writable_folder
from localization_common.files.trajectory_files import write_tum
from localization_sim import drive
from localization_sim.apartments.changes import write_changes
from localization_sim.lights.lighting import STANDARD, light_of_drive
from localization_sim.rendering import Renderer, mounted_camera, open_apartment


@dataclass(frozen=True)
class ApartmentRecording:
    """Render drives through an apartment into bags, one directory each.

    Attributes:
        output: directory of the bags.
        seed: seed of the apartment.
        rearranged: share, 0..1, of the furniture that is moved; everything else is the apartment of the seed.
        twin_room: use another floor plan, which contains one room twice.
        office: area in square metres, 50 or more, of an office floor to record in place of an apartment; 0: an
            apartment. Its drives are tours through all rooms.
        calm: 0..1: how much of patterns and colours is taken away, up to walls of one colour, plain fabrics and few
            pictures.
        light: light in the apartment: standard; one of evening, one_lamp, morning_sun, afternoon_sun, overcast,
            cold_lamps, dark, overexposed, which are for tests; random_N, drawn from the number N, for training; or
            random, a random light for each drive.
        train: number of training drives (train_00, train_01, ...).
        val: record the validation drive, too.
        test: record the held-out test drive, too.
        more: number of further validation drives (val_01, val_02, ...), for calibration.
        width: image width in pixels.
        height: image height in pixels.
        field_of_view: horizontal field of view in degrees.
        camera_height: height of the camera above the floor in metres.
        tilt: angle in degrees by which the camera looks down; up if it is negative.
        roll: angle in degrees of the camera about its axis, the right side down.
        rate: images per second.
        max_duration: longest time of a drive in seconds; 0 is no limit.
        depth: write depth images.
        labels: write label images.
        truth: write true poses into the bags. Without, they are in NAME.tum beside the bag, for scoring.
        storage: storage format of the bags.
        random_seed: seed of the errors of the wheel odometry.
        odometry_errors: factor of all errors of the wheel odometry; 0: none, 2: twice as large.
        overwrite: replace existing bags; otherwise they are kept.
    """

    output: Path = Path("build/apartment")
    seed: int = 0
    rearranged: float = 0.0
    twin_room: bool = False
    office: float = 0.0
    calm: float = 0.0
    light: str = STANDARD
    train: int = 12
    val: bool = True
    test: bool = True
    more: int = 0
    width: int = 320
    height: int = 240
    field_of_view: float = 90.0
    camera_height: float = 0.6
    tilt: float = 0.0
    roll: float = 0.0
    rate: float = 5.0
    max_duration: float = 0.0
    depth: bool = True
    labels: bool = True
    truth: bool = True
    storage: Literal["mcap", "sqlite3"] = "mcap"
    random_seed: int = 0
    odometry_errors: float = 1.0
    overwrite: bool = False

    @property
    def mount(self) -> npt.NDArray[np.float64]:
        """Mount base_T_camera (4, 4)."""
        return mounted_camera(self.camera_height, tilt=np.radians(self.tilt), roll=np.radians(self.roll))

    @property
    def drives(self) -> list[str]:
        """Names of the drives, held-out drives first, because they are needed first."""
        held_out = [name for name, wanted in (("test", self.test), ("val", self.val)) if wanted]
        further = (f"val_{i:02d}" for i in range(1, self.more + 1))
        return [*held_out, *further, *(f"train_{i:02d}" for i in range(self.train))]


def render_drives(
    seed: int,
    names: list[str],
    camera: Camera,
    *,
    rate: float = 5.0,
    labels: bool = True,
    rearranged: float = 0.0,
    twin_room: bool = False,
) -> list[Sequence]:
    """Render drives of an apartment as sequences in memory, without bags."""
    with open_apartment(seed, camera, rearranged=rearranged, twin_room=twin_room) as renderer:
        return [
            drive.in_memory(drive.as_sequence(renderer, drive.plan(renderer, name, rate=rate), labels=labels))
            for name in names
        ]


def record(recording: ApartmentRecording) -> None:
    """Write the bags; each appears under its name only when it is complete.

    If the apartment differs from that of its seed, ``changes.json`` beside the bags lists the differences.
    """
    require_writable_folder(recording.output)
    camera = Camera.from_field_of_view(recording.width, recording.height, recording.field_of_view)
    for light, names in groupby(_wanted(recording), partial(light_of_drive, recording.light)):
        with open_apartment(
            recording.seed,
            camera,
            rearranged=recording.rearranged,
            twin_room=recording.twin_room,
            office=recording.office,
            calm=recording.calm,
            light=light,
        ) as renderer:
            write_changes(renderer.apartment, recording.output)
            for name in names:
                _record_drive(recording, renderer, name)


def _wanted(recording: ApartmentRecording) -> Iterator[str]:
    """Yield the drives that are to be recorded."""
    for name in recording.drives:
        target = recording.output / name
        if target.exists() and not recording.overwrite:
            print(f"{target} exists already and is kept")
        else:
            yield name


def _record_drive(recording: ApartmentRecording, renderer: Renderer, name: str) -> None:
    """Write the bag of a drive."""
    started = time.monotonic()
    target, unfinished = recording.output / name, recording.output / f".{name}" / name
    shutil.rmtree(unfinished.parent, ignore_errors=True)
    planned = drive.plan(
        renderer,
        name,
        rate=recording.rate,
        random_seed=recording.random_seed,
        odometry_errors=recording.odometry_errors,
    )
    sequence = drive.as_sequence(
        renderer, planned, depth=recording.depth, labels=recording.labels, mount=recording.mount
    )
    frames = _write(recording, sequence, planned, unfinished)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    unfinished.parent.rmdir()
    print(f"{target}: {frames} frames in {time.monotonic() - started:.0f} s", flush=True)


def _write(recording: ApartmentRecording, sequence: Sequence, planned: drive.ApartmentDrive, bag: Path) -> int:
    """Write a drive into a bag, and its true poses into it or beside it; return the number of frames."""
    odometry = planned.odometry_readings()
    if recording.max_duration > 0.0:
        end = int(sequence.stamps[0]) + round(recording.max_duration * 1e9)
        sequence = sequence.select(sequence.stamps <= end)
        odometry = (reading for reading in odometry if reading.stamp <= end)
    if not recording.truth:
        bag.parent.mkdir(parents=True)
        write_tum(recording.output / f"{sequence.name}.tum", sequence.stamps, sequence.map_T_base)
        sequence = replace(sequence, map_T_camera=np.full_like(sequence.map_T_camera, np.nan))
    write_sequence(sequence, bag, odometry=odometry, storage=recording.storage)
    return len(sequence)


def main() -> None:
    """Entry point of ``apartment_record``."""
    with command("apartment_record"):
        record(options_of(ApartmentRecording))


if __name__ == "__main__":
    main()
