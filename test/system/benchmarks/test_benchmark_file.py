"""Benchmarks' files and the tables made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

import result_blocks
from benchmark_file import BenchmarkFile, Column, Table, machine
from localization_common.errors import DatasetError
from localization_common.files.git_commit import commit_of

REPOSITORY = Path(__file__).resolve().parents[3]
TABLE = Table(
    "Systems",
    [Column("system"), Column("position", "{:.3f} ± {:.3f} m"), Column("mIoU", "{:.3f}")],
    [["posenet", [0.51234, 0.02], None], ["vlocnetpp", [0.1, 0.0], 0.8649]],
)
#: Aims are notes with a bound in their name and a verdict at the end.
NOTES = {
    "order": "kept",
    "size of the map: under 5 MB": "0.65 MB: met",
    "mean NEES: within its band": "9.10: **missed**",
    "pairs": "1 and 2: met",
}


@pytest.fixture(scope="module")
def accuracy(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("vlocnet_accuracy")


def benchmark() -> BenchmarkFile:
    return BenchmarkFile("Accuracy", "python benchmarks/x.py --json y", "0123456789", machine(), [TABLE], dict(NOTES))


def test_file_comes_back_as_it_was_written_and_others_may_add_to_it(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    benchmark().write(file)
    assert BenchmarkFile.read(file) == benchmark()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pair_ms": 3.0}))
    assert BenchmarkFile.read(file) == benchmark()
    file.write_text('{"tables": 3}')
    with pytest.raises(DatasetError, match=r"x\.json"):
        BenchmarkFile.read(file)


def test_page_and_terminal_show_every_number() -> None:
    page = result_blocks.made("accuracy", benchmark()) + result_blocks.numbers(benchmark())
    for shown in (
        "### Systems",
        "| posenet | 0.512 ± 0.020 m |  |",
        "| vlocnetpp | 0.100 ± 0.000 m | 0.865 |",
        "| size of the map | 0.65 MB | under 5 MB | met |",
        "| mean NEES | 9.10 | within its band | **missed** |",
        "- order: kept",
        "- pairs: 1 and 2: met",
    ):
        assert shown in page
    assert "python benchmarks/x.py --json y" in page
    assert f"machine: {machine()['processor']}, {machine()['cores']} cores" in page
    assert "posenet    0.512 ± 0.020 m" in benchmark().text()


def test_a_script_says_where_its_file_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["anything", "--json", "a b"])
    script = str(REPOSITORY / "benchmarks/vlocnet_speed.py")
    made = BenchmarkFile.of(script, title="Speed", tables=[TABLE], notes={}, runs={"a": 1}, about={"seed": "3"})
    assert made.command == "python benchmarks/vlocnet_speed.py --json 'a b'"
    assert made.machine == machine() | {"seed": "3"}
    assert made.commit == commit_of(REPOSITORY)
    made.publish(None)
    made.publish(tmp_path / "x.json", {"light": {"pair_ms": 3.0}})
    assert BenchmarkFile.read(tmp_path / "x.json") == made
    assert json.loads((tmp_path / "x.json").read_text())["light"] == {"pair_ms": 3.0}
    assert capsys.readouterr().out == 2 * f"{made.text()}\n"


def test_means_over_seeds_and_the_papers_order(accuracy: ModuleType) -> None:
    results = [
        {"pose": {"median_m": m, "median_deg": 2.0, "within_5cm_5deg": 0.25, "within_25cm_5deg": 0.5}}
        for m in (0.4, 0.6)
    ]
    (table,) = accuracy.tables({"Systems": ["posenet"]}, {"posenet": results})
    assert table.rows[0][1] == [0.5, " ± 0.141"]
    (alone,) = accuracy.tables({"Systems": ["posenet"]}, {"posenet": results[:1]})
    assert alone.rows[0][1] == [0.4, ""]  # one seed has no spread
    assert table.rows[0][3:] == [None, 25.0, 50.0, None, None, None, 2]
    errors = {"posenet": 0.6, "vlocnet": 0.4, "vlocnetpp_single": 0.3, "vlocnetpp": 0.15}
    every = {name: [{"pose": {"median_m": e}}] for name, e in errors.items()}
    noted = accuracy.notes(every)
    assert noted["order of the errors"].endswith(": the same")
    assert noted["error of PoseNet over error of VLocNet++: at least 3"] == "4.00: met"
    every["vlocnet"], every["vlocnetpp_single"] = every["vlocnetpp_single"], every["vlocnet"]
    every["posenet"] = [{"pose": {"median_m": 0.44}}]
    noted = accuracy.notes(every)
    assert noted["order of the errors"].endswith("not the same")
    assert "missed" in noted["error of PoseNet over error of VLocNet++: at least 3"]


def test_labels_with_warping_are_held_against_those_without(accuracy: ModuleType) -> None:
    results = {
        name: [{"pose": {"median_m": 0.1}, "segmentation": {"miou": miou}}]
        for name, miou in (("vlocnetpp", 0.91), ("no warping", 0.9))
    }
    assert accuracy.notes(results) == {"mIoU with warping: more than without": "0.9100 and 0.9000: met"}
    results["no warping"][0]["segmentation"]["miou"] = 0.92
    assert "missed" in accuracy.notes(results)["mIoU with warping: more than without"]
    assert accuracy.notes({"vlocnetpp": results["vlocnetpp"]}) == {}


def test_the_shipped_network_is_scored_as_it_is_beside_posenet_with_as_many_drives(
    accuracy: ModuleType, tmp_path: Path
) -> None:
    for folder, drives in (("data", 3), ("more", 5)):
        for drive in range(drives):
            (tmp_path / folder / f"train_{drive:02}").mkdir(parents=True)
    config = accuracy.VlocnetAccuracyConfig(
        data=tmp_path / "data", more=tmp_path / "more", drives=2, steps=3000, work=tmp_path
    )
    benchmark = accuracy.VlocnetAccuracyBenchmark(config)
    shipped, posenet = (run for run in accuracy.RUNS if run.data == "more drives")
    assert (shipped.steps, benchmark._steps(posenet)) == (0.0, 13089)
    words = benchmark._training(posenet, 0)
    assert [str(tmp_path / "more" / f"train_{drive:02}") for drive in range(5)] == words[6:11]
    assert {run.name for run in accuracy.RUNS} - accuracy.names({"drives"}) > {shipped.name, posenet.name}
    errors = {posenet.name: 0.06, shipped.name: 0.015}
    noted = accuracy.notes({name: [{"pose": {"median_m": e}}] for name, e in errors.items()})
    assert list(noted.values()) == ["4.00: met"]


def test_every_run_starts_from_runs_that_exist(accuracy: ModuleType) -> None:
    names = [run.name for run in accuracy.RUNS]
    assert len(set(names)) == len(names)
    for run in accuracy.RUNS:
        assert set(run.initial) <= set(names)


def test_every_measure_of_hammered_nodes_has_a_row(import_benchmark: Callable[[str], ModuleType]) -> None:
    hammer_tables, judge = import_benchmark("hammer_tables"), import_benchmark("hammer_judge")
    frames = {"received": 4, "processed": 3, "refused": 1, "dropped": 0}
    shown = {key for key, *_ in hammer_tables.MEASURES}
    assert shown == {field.name for field in fields(judge.NodeReport)} - {"frames", "problems"} | set(frames)
    report = dict.fromkeys(shown, 0.5) | {"wrong_at": [1.25, 2.0], "recovered_after": None, "frames": frames}
    rows = dict(map(tuple, hammer_tables.table("Storm", {"dmn": report}).rows))
    assert rows["valid frames answered in the storm"] == "50.0 %"
    assert rows["first wrong pose, seconds from the start"] == "1.2"
    assert rows['seconds from the end of the storm to "working"'] == "none"
    assert rows["images received"] == "4"
