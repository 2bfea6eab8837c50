from __future__ import annotations

import re
from pathlib import Path

import pytest

import results_table
from benchmark_file import BenchmarkFile, Column, Table
from deep_localization.evaluation import metrics_summary
from deep_localization.evaluation.result_file import Baseline, ResultFile
from localization_common.errors import DatasetError

REPOSITORY = Path(__file__).resolve().parents[3]
METRICS = {
    "pose": {"median_m": 0.123456789, "median_deg": 5.25, "within_5cm_5deg": 0.25, "frames": 120},
    "odometry": {"rpe_percent": None, "rpe_deg_per_m": None},
    "segmentation": {"miou": None},
    "belief": {"median_m": None, "success_rate": None, "steps_to_converge": None},
    "runtime": {
        "frames_in": 120,
        "frames_processed": 120,
        "frames_dropped": 0,
        "latency_ms_p50": 20.0,
        "latency_ms_p95": 30.0,
    },
}


PAGE = """# Kitchen

- **Question:** How accurate is it?
- **Answer:** Accurate.
- **Number:** {{kitchen / pose.median_m}}, {{kitchen / aim / pose.median_m}}

How the bag was made.

{{kitchen / made}}

{{kitchen / tables}}
"""
HEADLINES = """# Results

| error | aim |
|---|---|
| {{kitchen / pose.median_deg}} | {{kitchen / aim / pose.median_deg}} |
| {{speed / Times / light, cpu, compiled / frame}} | {{speed / aim / speed over a pair}} |
| {{speed / reached / speed over a pair}} | {{speed / note / matrix product}} |

{{speed / computer}}; {{kitchen / commit}}

{{speed / made}}

{{speed / tables}}
"""
TABLE = Table(
    "Times",
    [Column("network"), Column("device"), Column("run as"), Column("frame", "{:.1f} ms"), Column("memory")],
    [["light", "cpu", "eager", 20.0, None], ["light", "cpu", "compiled", 10.0, None]],
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    result = ResultFile(
        title="Kitchen",
        command="evaluate_bag build/kitchen --live",
        commit="0123456789",
        metrics=METRICS,
        baselines=(Baseline("thumbnail nearest neighbour", 0.25, 11.5),),
        aims={"pose.median_m": ("at most", 0.16), "pose.median_deg": ("at most", 5.0)},
        notes={"largest difference": "0.00001 m"},
    )
    result.write(tmp_path / "results" / "kitchen.json")
    machine = {"processor": "Fast", "cores": "2", "torch": "2"}
    notes = {"speed over a pair: at least 1.7 times": "1.50 times: **missed**", "matrix product": "149 GFLOP/s"}
    BenchmarkFile("Speed", "python speed.py", "", machine, [TABLE], notes).write(tmp_path / "results" / "speed.json")
    (tmp_path / "results" / "kitchen.md").write_text(PAGE)
    (tmp_path / "results" / "headlines.md").write_text(HEADLINES)
    return tmp_path


def read(page: Path) -> str:
    """Text of a page with plain spaces."""
    return page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")


def test_number_and_unit_of_a_cell_stay_on_one_line(docs: Path) -> None:
    results_table.main(["--docs", str(docs)])
    text = (docs / "results.md").read_text(encoding="utf-8")
    assert "| 5.25\N{NO-BREAK SPACE}deg | at most 5.00\N{NO-BREAK SPACE}deg, **missed** |" in text
    assert "python speed.py" in text


def test_the_committed_pages_are_rendered_from_the_committed_numbers() -> None:
    docs = REPOSITORY / "docs"
    if not (docs / "results").is_dir():
        pytest.skip("no results are committed")
    assert results_table.differing(docs, results_table.render(docs / "results")) == []


def test_links_of_the_committed_pages_lead_to_files() -> None:
    docs = REPOSITORY / "docs"
    pages = results_table.render(docs / "results") if (docs / "results").is_dir() else {}
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((docs / name).parent / target).exists(), f"{name}: {target}"


def test_experiment_has_numbers_their_origin_and_the_verdicts(docs: Path) -> None:
    assert results_table.main(["--docs", str(docs)]) == 0
    text = read(docs / "experiments" / "kitchen.md")
    assert "- **Number:** 0.123 m, at most 0.160 m, met" in text
    assert "| position error, median | 0.123 m | at most 0.160 m | met |" in text
    assert "| rotation error, median | 5.25 deg | at most 5.00 deg | **missed** |" in text
    assert "| thumbnail nearest neighbour | 0.250 m | 11.50 deg |" in text
    assert "commit: `0123456789`" in text
    assert "How the bag was made." in text
    assert "evaluate_bag build/kitchen --live" in text
    assert "Odometry" not in text  # metrics that were not scored have no row
    assert "| [Kitchen](kitchen.md) | How accurate is it? | 0.123 m" in read(docs / "experiments" / "index.md")


def test_the_table_of_the_readme_is_rendered_between_its_marks(
    docs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (docs / "results" / "readme_table.md").write_text("| {{kitchen / pose.median_deg}} |\n")
    root = tmp_path_factory.mktemp("root")
    inner = root / "docs"
    docs.rename(inner)
    readme = root / "README.md"
    readme.write_text("Before\n<!-- Rendered from docs/results/readme_table.md -->\nold\n<!-- End -->\nafter\n")
    assert results_table.main(["--docs", str(inner), "--check"]) == 1
    assert results_table.main(["--docs", str(inner)]) == 0
    assert read(readme) == (
        "Before\n<!-- Rendered from docs/results/readme_table.md -->\n| 5.25 deg |\n<!-- End -->\nafter\n"
    )
    readme.write_text("without marks")
    assert results_table.main(["--docs", str(inner)]) == 1


def test_headlines_take_cells_aims_and_notes_of_the_files(docs: Path) -> None:
    assert results_table.main(["--docs", str(docs)]) == 0
    text = read(docs / "results.md")
    assert "| 5.25 deg | at most 5.00 deg, **missed** |" in text
    assert "| 10.0 ms | at least 1.7 times, **missed** |" in text
    assert "| 1.50 times | 149 GFLOP/s |" in text
    assert "Fast, 2 cores; 0123456789" in text


@pytest.mark.parametrize(
    "reference",
    [
        "nowhere / pose.median_m",
        "kitchen / pose.mean_m",
        "kitchen / odometry.rpe_percent",
        "kitchen / aim / pose.frames",
        "speed / Times / light, cpu / frame",
        "speed / Times / light, cpu, compiled / time",
        "speed / Times / light, cpu, compiled / memory",
        "speed / aim / matrix product",
        "speed / note / speed",
    ],
)
def test_reference_without_a_value_is_refused(docs: Path, reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = docs / "results" / "kitchen.md"
    page.write_text(f"{PAGE}{{{{{reference}}}}}\n")
    assert results_table.main(["--docs", str(docs)]) == 1
    assert f"kitchen.md: {{{{{reference}}}}}: no such value" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["results.md", "experiments/kitchen.md", "experiments/index.md"])
def test_check_fails_for_an_edited_a_missing_and_a_foreign_page(docs: Path, page: str) -> None:
    check = ["--docs", str(docs), "--check"]
    assert results_table.main(check) == 1
    results_table.main(["--docs", str(docs)])
    assert results_table.main(check) == 0
    path = docs / page
    path.write_text(read(path).replace("5.25 deg", "0.25 deg").replace("0.123 m", "0.023 m"))
    assert results_table.main(check) == 1
    results_table.main(["--docs", str(docs)])
    (docs / "experiments" / "old.md").write_text("# Old\n")
    assert results_table.main(check) == 1


def test_result_without_a_page_and_page_without_a_summary_are_refused(
    docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = docs / "results" / "kitchen.md"
    page.write_text(PAGE.replace("{{kitchen / tables}}", ""))
    assert results_table.main(["--docs", str(docs)]) == 1
    assert "kitchen.json: no page shows it; write {{kitchen / tables}}" in capsys.readouterr().out
    page.write_text(PAGE.replace("**Question:**", ""))
    assert results_table.main(["--docs", str(docs)]) == 1
    assert "kitchen.md: no line begins with '- **Question:** '" in capsys.readouterr().out
    (docs / "results" / "headlines.md").unlink()
    assert results_table.main(["--docs", str(docs)]) == 1


def test_result_files_survive_a_round_trip_and_foreign_ones_are_refused(docs: Path) -> None:
    path = docs / "results" / "kitchen.json"
    result = ResultFile.read(path)
    assert result.metrics["pose"]["median_m"] == 0.123457  # six significant digits
    result.write(docs / "again.json")
    assert (docs / "again.json").read_text() == path.read_text()
    path.write_text('{"title": "x"}')
    with pytest.raises(DatasetError, match=r"kitchen\.json"):
        ResultFile.read(path)
    assert results_table.main(["--docs", str(docs)]) == 1


def test_every_aim_is_about_a_quantity_that_is_shown() -> None:
    shown = {f"{group}.{quantity.key}" for group, _, quantities in metrics_summary.GROUPS for quantity in quantities}
    for aims in metrics_summary.AIMS.values():
        assert set(aims) <= shown
