"""Test of the shipped network for rooms in unknown rooms: errors as on its card."""

from __future__ import annotations

from dmn_ros.runtime.checkpoint import load_world_network
from dmn_ros.worlds.world_config import WorldEvaluationConfig
from dmn_ros.worlds.world_evaluation import evaluate_worlds
from localization_common.files.shipped_files import shipped
from localization_sim.worlds.drawing import draw_worlds


def test_cameras_are_found_in_unknown_rooms() -> None:
    network, mapping, card = load_world_network(shipped("models/dmn_rooms.safetensors"))
    assert mapping.network.observation == "projection"
    assert card["initial"].endswith("(20000 steps, 130.3 minutes)")  # of the first training, also on the card
    worlds = draw_worlds("rooms", 1, "test", range(60))
    numbers = evaluate_worlds(network, worlds, WorldEvaluationConfig(likelihood_exponent=(3.0,)))
    # for 60 rooms, three standard deviations below the value of the card for 1000
    assert numbers["sequential"]["mean"]["success"] > 0.95
    assert numbers["one_step"]["mean"]["success"] > 0.84
    assert numbers["tracking"]["mean"]["success"] > 0.94
