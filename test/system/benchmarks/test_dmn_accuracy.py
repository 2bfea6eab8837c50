"""Tests of the benchmark of the DMN paper's tables: its commands, tables and notes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tyro

from dmn_ros.commands import evaluate_worlds
from dmn_ros.commands.train_worlds import TrainWorldsCommand
from dmn_ros.network.systems import SYSTEMS
from dmn_ros.worlds.world_config import WorldTrainingConfig


@pytest.fixture(scope="module")
def accuracy(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("dmn_accuracy")


@pytest.fixture(scope="module")
def commands(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("dmn_accuracy_commands")


@pytest.fixture(scope="module")
def rows(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("dmn_accuracy_rows")


def _numbers(sequential: float, *, filters: bool = True) -> dict[str, Any]:
    found = {"success": sequential, "mse": 0.1, "success_by_image": [0.1, sequential]}
    settings = {"mean": found} | ({"most_likely": found} if filters else {})
    varied = {"contexts": {"1": {}}, "particles": {}}
    evaluation = {"likelihood_exponent": [4.0, 1.5]}
    of_filter = {"evaluation": evaluation, "parameters": 9} if filters else {}
    return (
        {"one_step": settings, "sequential": settings, "tracking": settings}
        | of_filter
        | (varied | {"contexts": {"1": {"one_step": settings, "sequential": settings}}})
    )


def test_every_system_is_a_row_and_options_give_back_the_training(commands: ModuleType, rows: ModuleType) -> None:
    for runs in (rows.RUNS, rows.chosen(rows.QUICK)):
        assert {run.system for run in runs} == set(SYSTEMS)
    for training in {training for run in rows.RUNS for training in run.trainings.values()}:
        words = commands.options("training", training, WorldTrainingConfig())
        arguments = tyro.cli(TrainWorldsCommand, args=["there", "--validation", "here", *words])
        assert arguments.training == training


def test_a_row_may_be_trained_for_longer_than_the_others(
    commands: ModuleType, rows: ModuleType, tmp_path: Path
) -> None:
    of = commands.DmnCommands(commands.DmnAccuracyConfig(steps=(400, 0, 0), work=tmp_path))
    runs = {run.name: run for run in rows.RUNS}
    for name, steps in (("projection", 400), (rows.LONGER, 2000)):
        arguments = tyro.cli(TrainWorldsCommand, args=of.training("rooms", runs[name], 0)[3:])
        assert (arguments.system, arguments.training.steps, arguments.initial) == ("projection", steps, None)
    arguments = tyro.cli(TrainWorldsCommand, args=of.training("rooms", runs[rows.STEADY_LIGHT], 0)[3:])
    begun = tyro.cli(TrainWorldsCommand, args=of.training("rooms", runs[rows.LONGER], 0)[3:])
    assert (arguments.training.steps, begun.training.steps, begun.output) == (200, 2000, arguments.initial)
    assert arguments.initial == of.checkpoint("rooms", runs[rows.LONGER], 0)


def test_a_row_selects_the_rows_that_it_starts_from(rows: ModuleType) -> None:
    names = [run.name for run in rows.chosen((rows.WALLS_FIRST_LONGER,))]
    assert names == [rows.WALLS_ONLY, rows.WALLS_FIRST, rows.WALLS_FIRST_LONGER]
    assert rows.chosen(()) == rows.RUNS


def test_commands_of_earlier_results_find_rows_that_were_renamed(rows: ModuleType) -> None:
    assert rows.renamed((*rows.FORMER_NAMES, "matching")) == (*rows.FORMER_NAMES.values(), "matching")
    assert {*rows.FORMER_NAMES.values()} <= {run.name for run in rows.RUNS}
    assert not {*rows.FORMER_NAMES} & {run.name for run in rows.RUNS}


def test_particle_filters_on_view_embeddings_are_ours(rows: ModuleType) -> None:
    theirs = {run.name for run in rows.RUNS if not run.filters_views}
    maps = {"latent_image", "latent_vector", "latent_image_regression", "latent_vector_regression"}
    assert theirs == maps | {"view_embedding_regression"}


def test_a_main_row_and_the_rows_that_it_starts_from_have_all_seeds(
    accuracy: ModuleType, rows: ModuleType, tmp_path: Path
) -> None:
    benchmark = accuracy.DmnAccuracyBenchmark(
        accuracy.DmnAccuracyConfig(seeds=(3, 4), main=(rows.WALLS_FIRST,), work=tmp_path)
    )
    seeds = {run.name: benchmark.seeds(run) for run in rows.RUNS}
    assert {name for name, of in seeds.items() if of == (3, 4)} == {rows.WALLS_ONLY, rows.WALLS_FIRST}
    assert set(seeds.values()) == {(3, 4), (3,)}


def test_a_row_with_more_worlds_is_scored_on_the_worlds_of_the_others(
    commands: ModuleType, rows: ModuleType, tmp_path: Path
) -> None:
    of = commands.DmnCommands(commands.DmnAccuracyConfig(train=(0, 50, 0), work=tmp_path, worlds=tmp_path / "worlds"))
    run = next(run for run in rows.RUNS if run.name == rows.MORE_WORLDS)
    arguments = tyro.cli(TrainWorldsCommand, args=of.training("mazes", run, 0)[3:])
    worlds = tmp_path / "worlds"
    assert (arguments.worlds, arguments.validate) == (worlds / "mazes-120/train", worlds / "mazes/validation")


def test_worlds_may_have_several_trials(commands: ModuleType, tmp_path: Path) -> None:
    for trials in (1, 3):
        of = commands.DmnCommands(commands.DmnAccuracyConfig(asked=trials, work=tmp_path))
        words = of.evaluation("mazes", tmp_path / "one.safetensors", 40)
        arguments = tyro.cli(evaluate_worlds.EvaluateWorldsCommand, args=words[3:])
        assert (arguments.limit, arguments.evaluation.trajectories) == (40, trials)


def test_new_weights_are_scored_again(accuracy: ModuleType, tmp_path: Path) -> None:
    scores = ("it-5-0.json", "it-5-0.asked3.json", "it-5-0.varied")
    others = ("it-5-0.safetensors", "it-5-0.log", "it-5-1.json", "it-5-01.json")
    for name in (*scores, *others):
        (tmp_path / name).touch()
    accuracy.forget_scores(tmp_path / "it-5-0.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_tables_show_means_over_seeds_and_notes_name_the_best_row(accuracy: ModuleType, rows: ModuleType) -> None:
    ours = {"view_embedding", "projection", rows.LONGER}
    results = {
        "closest_context": [_numbers(0.5, filters=False)],
        "view_embedding": [_numbers(0.6), _numbers(0.8)],
        "latent_image_regression": [_numbers(0.2, filters=False)],
    }
    tables = accuracy.tables({"rooms": results}, ours)
    after_five, after_one, tracking, by_image, five_by_views, one_by_views = tables
    assert [len(table.rows) for table in (after_five, after_one, tracking)] == [3, 3, 3]
    for table, power in ((after_five, 1.5), (after_one, 4.0)):
        row = dict(zip((column.name for column in table.columns), table.rows[1], strict=True))
        assert row["power of the likelihoods"] == power
    assert by_image.rows == [["view_embedding", pytest.approx(10.0), pytest.approx(70.0)]]
    assert five_by_views.rows == one_by_views.rows == [["view_embedding", pytest.approx(60.0)]]
    text = after_five.text()
    assert "70.0 ± 14.1 %" in text
    assert "95.6 %" in text  # the paper's
    noted = accuracy.notes({"rooms": results}, ours)
    assert "ahead of every baseline" in noted["rooms"]
    assert noted["rooms, one image: at least 93 %"] == "view_embedding 70.0 %: **missed**"
    results["projection"] = [_numbers(0.97)]
    assert accuracy.notes({"rooms": results}, ours)["rooms, five images: at least 95 %"] == "projection 97.0 %: met"
    better = _numbers(0.97) | {"one_step": _numbers(0.99)["one_step"]}
    noted = accuracy.notes(
        {"rooms": results | {rows.LONGER: [better]}}, ours
    )  # as good in sequences, and better at once
    assert noted["rooms, one image: at least 93 %"] == f"{rows.LONGER} 99.0 %: met"
    del results["projection"]
    results["closest_context"] = [_numbers(0.9, filters=False)]
    assert "**not ahead**" in accuracy.notes({"rooms": results}, ours)["rooms"]
