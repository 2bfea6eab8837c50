"""`vlocnet_calibrate` on a bag and a checkpoint file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.files import tensor_files
from vlocnet_ros.commands import calibrate
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.evaluation.calibration_replay import with_recencies
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet
from vlocnet_ros.runtime.integrity.frozen_camera import sharpness
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig


def run(monkeypatch, *arguments) -> None:
    monkeypatch.setattr("sys.argv", ["vlocnet_calibrate", *map(str, arguments)])
    calibrate.main()


def test_residuals_are_measured_and_weights_do_not_change(
    monkeypatch, tmp_path, tiny_checkpoint, wall_sequence, capsys
):
    write_sequence(wall_sequence, tmp_path / "wall")
    output = tmp_path / "calibrated.safetensors"
    run(
        monkeypatch,
        "--checkpoint",
        tiny_checkpoint,
        "--sequences",
        tmp_path / "wall",
        "--output",
        output,
        "--tracking.patience",
        "5",
    )
    before, after = (tensor_files.load(path, kind="vlocnet") for path in (tiny_checkpoint, output))
    assert all(np.array_equal(before[0][name], tensor) for name, tensor in after[0].items())
    loaded = load_vlocnet(output)
    _, expected = calibrate.calibrated(evaluate(tiny_checkpoint, [wall_sequence]), with_recencies(TrackingConfig()))
    np.testing.assert_allclose(loaded.residuals.pose, expected.pose, rtol=0.05)
    assert loaded.residuals != Residuals()
    least = min(sharpness(wall_sequence.read_image(i)) for i in range(len(wall_sequence)))
    assert 0.0 < loaded.residuals.sharpness < 2.0 * least
    assert loaded.residuals.tracking == replace(expected.tracking, patience=5.0)
    assert loaded.card["calibrated_on"] == ["wall"]
    assert "median" in capsys.readouterr().out


def test_errors_are_measured_with_the_stored_configuration(
    monkeypatch, tmp_path, tiny_checkpoint, wall_sequence, capsys
):
    """Check that the checkpoint's window is not used: with a window of one pose, the mean is each frame's pose."""
    write_sequence(wall_sequence, tmp_path / "wall")
    all_agree = ("--tracking.consensus.metres", 100, "--tracking.consensus.radians", 100, "--recencies")
    for window in (1, 50):
        given = (*all_agree, "--tracking.consensus.window", window, "--output", tmp_path / f"{window}.safetensors")
        run(monkeypatch, "--checkpoint", tiny_checkpoint, "--sequences", tmp_path / "wall", *given)
    lines = [line.split("median")[1] for line in capsys.readouterr().out.splitlines() if "median" in line]
    assert lines[0] == lines[1] == lines[3] != lines[2]


@pytest.mark.parametrize(("options", "message"), [((), "nowhere"), (("--memories", 12, -1), "recency")])
def test_invalid_options_are_refused_and_nothing_is_written(monkeypatch, tmp_path, tiny_checkpoint, options, message):
    """Check that an invalid recency is refused before any drive is read, which takes long."""
    given = ("--checkpoint", tiny_checkpoint, "--sequences", tmp_path / "nowhere", "--output", tmp_path / "x")
    with pytest.raises(SystemExit, match=f"vlocnet_calibrate: .*{message}"):
        run(monkeypatch, *given, *options)
    assert not (tmp_path / "x").exists()
