"""Tests of the results of stages on disk: what is computed again, and a mapping that goes on after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_room import circle, odometry
from painted_room import drive

from localization_common.datasets.sequence import Sequence
from localization_mapping.drive_identity import identity
from localization_mapping.mapping import map_drives
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Progress, Tick
from localization_mapping.stage_cache import StageCache

GIVEN = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([[1, -2]], dtype=np.int64)}
HERE = Path(__file__).resolve().parent


class Counted:
    """Computation that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Mapping[str, np.ndarray]:
        self.calls += 1
        return GIVEN


def test_same_inputs_are_not_computed_again(tmp_path: Path) -> None:
    compute = Counted()
    for _ in range(2):
        found = StageCache(tmp_path).arrays("matches", "monday", compute)
        assert set(found) == set(GIVEN)
        for name, array in GIVEN.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype
    assert compute.calls == 1


@pytest.mark.parametrize(("stage", "inputs"), [("closures", "monday"), ("matches", "tuesday"), ("matches", "")])
def test_other_stages_and_inputs_are_computed(tmp_path: Path, stage: str, inputs: str) -> None:
    compute = Counted()
    StageCache(tmp_path).arrays("matches", "monday", compute)
    StageCache(tmp_path).arrays(stage, inputs, compute)
    assert compute.calls == 2


def test_cache_without_a_folder_keeps_nothing() -> None:
    compute = Counted()
    for _ in range(2):
        np.testing.assert_array_equal(StageCache(None).arrays("matches", "monday", compute)["a"], GIVEN["a"])
    assert compute.calls == 2


def test_empty_arrays_and_transposed_arrays_are_kept(tmp_path: Path) -> None:
    given = {"none": np.empty((0, 4, 4)), "turned": GIVEN["a"].T}
    for _ in range(2):
        found = StageCache(tmp_path).arrays("closures", "", lambda: given)
        np.testing.assert_array_equal(found["none"], given["none"])
        np.testing.assert_array_equal(found["turned"], given["turned"])


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def emptied(data: bytes) -> bytes:
    return b""


def overwritten(data: bytes) -> bytes:
    return b"\xff" * len(data)


def header_of_zeros(data: bytes) -> bytes:
    return data[:8] + bytes(40) + data[48:]


@pytest.mark.parametrize("damage", [cut, emptied, overwritten, header_of_zeros])
def test_damaged_file_is_computed_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    compute = Counted()
    StageCache(tmp_path).arrays("matches", "monday", compute)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    for _ in range(2):
        np.testing.assert_array_equal(StageCache(tmp_path).arrays("matches", "monday", compute)["b"], GIVEN["b"])
    assert compute.calls == 2  # once more, and then the file is whole again


def test_failed_computation_leaves_no_file(tmp_path: Path) -> None:
    def fails() -> Mapping[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StageCache(tmp_path).arrays("matches", "monday", fails)
    assert list(tmp_path.iterdir()) == []


OPTIONS = MappingOptions(features=200, overlapping=4)


def made_drive() -> Sequence:
    path = circle(16, turns=0.3)
    return drive(path, odometry(path, metres=0.01, degrees=0.5))


def stages_into(names: list[str]) -> Progress:
    """Return a progress that notes the names of the stages that run."""

    def begin(stage: str, steps: int) -> AbstractContextManager[Tick]:
        @contextmanager
        def shown() -> Iterator[Tick]:
            names.append(stage)
            yield lambda: None

        return shown()

    return begin


#: Mapping that writes the name of each stage and halts within one of them.
HALTS = """
import sys
from contextlib import contextmanager
from pathlib import Path
from test_stage_cache import OPTIONS, made_drive
from localization_mapping.drive_identity import identity
from localization_mapping.mapping import map_drives

@contextmanager
def progress(stage, steps):
    yield (lambda: halt(stage))

def halt(stage):
    if stage == sys.argv[2]:
        print("halted", flush=True)
        sys.stdin.read()

map_drives([made_drive()], OPTIONS, cache=Path(sys.argv[1]), progress=progress)
"""


def killed_in(stage: str, cache: Path) -> None:
    """Map the drive in a process that is killed in a stage."""
    with subprocess.Popen(
        [sys.executable, "-c", HALTS, str(cache), stage],
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parents[1]}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halted\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_killed_mapping_goes_on_and_gives_the_same_map(tmp_path: Path) -> None:
    whole: list[str] = []
    expected = map_drives([made_drive()], OPTIONS, progress=stages_into(whole))
    killed_in("loop closures", tmp_path)
    killed_in("matching", tmp_path)
    left: list[str] = []
    found = map_drives([made_drive()], OPTIONS, cache=tmp_path, progress=stages_into(left))
    assert left == whole[whole.index("matching") :]
    np.testing.assert_array_equal(found.drives[0].map_T_camera, expected.drives[0].map_T_camera)
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_array_equal(found.tracks.feature, expected.tracks.feature)


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence, Path]:
    """Drive with the cache of its mapping."""
    given, cache = made_drive(), tmp_path_factory.mktemp("cache")
    map_drives([given], OPTIONS, cache=cache)
    return given, cache


def stages_of(given: Sequence, options: MappingOptions, cache: Path) -> list[str]:
    """Map a drive with a cache, and return the names of the stages that ran."""
    ran: list[str] = []
    map_drives([given], options, cache=cache, progress=stages_into(ran))
    return ran


def test_same_drive_is_not_mapped_again(mapped: tuple[Sequence, Path]) -> None:
    given, cache = mapped
    files = {file.name for file in cache.iterdir()}
    assert not {"monday: features", "loop closures", "matching"} & set(stages_of(given, OPTIONS, cache))
    assert {file.name for file in cache.iterdir()} == files


@pytest.mark.parametrize("change", ["options", "odometry", "depth"])
def test_other_options_odometry_or_depth_are_mapped_again(mapped: tuple[Sequence, Path], change: str) -> None:
    given, cache = mapped
    assert given.odom_T_base is not None
    slower = given.odom_T_base.copy()
    slower[:, :3, 3] *= 0.99
    far = np.full((given.camera.height, given.camera.width), np.nan, dtype=np.float32)
    changed = {
        "options": (given, replace(OPTIONS, features=150)),
        "odometry": (replace(given, odom_T_base=slower), OPTIONS),
        "depth": (replace(given, read_depth=lambda position: far), OPTIONS),
    }
    assert {"monday: features", "loop closures", "matching"} <= set(stages_of(*changed[change], cache))


def test_a_drive_with_other_images_is_another_drive() -> None:
    known = drive(circle(6), None)
    assert identity(known) == identity(drive(circle(6), None))
    darker = replace(known, read_image=lambda position: known.read_image(position) // 2)
    assert identity(darker) != identity(known)
