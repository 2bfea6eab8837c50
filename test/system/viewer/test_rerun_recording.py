"""Tests of the Rerun recording that an evaluation writes; they skip where rerun-sdk is not installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rerun_files import rows_of

from deep_localization.evaluation.localizers import Localizers
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.offline import run_offline
from deep_localization.evaluation.rerun_recording import recording
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer

FRAMES = 8


@pytest.fixture
def localizers(tiny_models: Models) -> Localizers:
    always = FilterConfig(localized_share=1e-9, localized_images=1, localized_fit=-100.0)
    dmn = DmnLocalizer.from_files(tiny_models.dmn, tiny_models.map, filter_config=always)
    return Localizers(VlocnetLocalizer.from_checkpoint(tiny_models.vlocnet), dmn)


def test_recording_has_every_frame(
    drive: Sequence, localizers: Localizers, tiny_models: Models, keyframe_map: Path, tmp_path: Path
) -> None:
    few, path = drive.select(np.arange(FRAMES)), tmp_path / "new" / "drive.rrd"
    models = Models(tiny_models.vlocnet, tiny_models.dmn, tiny_models.map, keyframe_map)
    with recording(path, few, localizers, models) as observer:
        results = run_offline(few, localizers, observer=observer)
    rows = rows_of(path)
    published, localized = len(results.map_T_base), len(results.planar_T_base)
    assert published == localized == FRAMES
    for entity in ("map/camera/image", "map/camera/labels", "map/particles", "position_error/vlocnet_two_sigma"):
        assert rows[entity] == FRAMES + entity.startswith(("map/camera/labels", "position")), entity  # names, style
    for source in ("vlocnet", "dmn"):
        assert rows[f"map/{source}/pose"] == rows[f"map/{source}/two_sigma"] == FRAMES, source
        assert rows[f"position_error/{source}"] == rows[f"heading_error/{source}"] == FRAMES + 1, source
    assert rows["map/truth/pose"] == 2 * FRAMES  # with each localizer
    assert rows["map/context_views"] == rows["map/keyframe_points"] == 1
    assert any("EyeControls3D" in entity for entity in rows)


def test_frames_without_a_pose_remove_the_pose(drive: Sequence, tiny_models: Models, tmp_path: Path) -> None:
    never = FilterConfig(localized_share=1.0, localized_images=1000)
    localizers = Localizers(dmn=DmnLocalizer.from_files(tiny_models.dmn, tiny_models.map, filter_config=never))
    few, path = drive.select(np.arange(3)), tmp_path / "drive.rrd"
    with recording(path, few, localizers, Models(dmn=tiny_models.dmn, map=tiny_models.map)) as observer:
        run_offline(few, localizers, recorded_odometry=True, observer=observer)
    rows = rows_of(path)
    assert rows["map/camera/image"] == rows["map/particles"] == 3
    assert rows["map/dmn/pose"] == 3  # removals
    assert rows["map/dmn/path"] == 0
    assert rows["state/dmn"] >= 1


def test_a_file_that_cannot_be_written_is_an_error(
    drive: Sequence, localizers: Localizers, tiny_models: Models, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):  # noqa: SIM117
        with recording(tmp_path / "file" / "drive.rrd", drive, localizers, Models(tiny_models.vlocnet)):
            pass
