"""Test of the shipped network for unknown homes, in an apartment of the tests: errors as on its card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dmn_ros.commands.evaluate import EvaluateCommand, evaluate_sequence
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.map_building import MapOptions, build_map
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.localizer import Localizer
from localization_common.camera import Camera
from localization_common.files.shipped_files import shipped
from localization_sim import drive as drives
from localization_sim.rendering import mounted_camera, open_apartment

#: Lens that the network of the apartment refuses, on a mount that no training had.
CAMERA = Camera.from_field_of_view(96, 72, 75.0)
MOUNT = mounted_camera(0.8, tilt=np.radians(10.0))


@torch.inference_mode()
def test_a_robot_is_found_in_an_unknown_apartment_with_another_lens_that_looks_down() -> None:
    network, camera, header = load_network(shipped("models/dmn_home.safetensors"))
    assert network.config.partial_views
    assert not {str(seed) for seed in range(200, 300)} & set(header["card"]["data"])
    with open_apartment(202, CAMERA) as renderer:
        mapped, other, query = (
            drives.in_memory(
                drives.as_sequence(
                    renderer, drives.plan(renderer, name, rate=rate), depth=False, labels=False, mount=MOUNT
                )
            )
            for name, rate in (("train_00", 1.0), ("train_01", 1.0), ("train_02", 2.0))
        )
    frames = [read_frames(sequence, camera, partial_views=True) for sequence in (mapped, other)]
    localizer = Localizer(network, camera, build_map(network, frames, MapOptions()))
    found = evaluate_sequence(query, localizer, EvaluateCommand(Path("query"), one_step=30, starts=8))
    one, ten = found["one_step_global"], found["sequential_global_weighed_frames"]
    # for 30 images, three standard deviations below 73 %
    assert one["success_most_likely"] > 0.48
    assert ten["success_most_likely"] > 0.7
    assert ten["median_m"] < 0.3
