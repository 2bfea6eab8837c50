"""Hostile files: every kind of file that users give, damaged in many ways, is refused at once or used rightly.

python test/security/hostile.py                    all cases; ends with 1 if one fails
python test/security/hostile.py --only 'bag-db3'   cases whose name has this text
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).resolve().parents[2]
if __name__ == "__main__":  # as the settings of pytest in pyproject.toml
    sys.path[:0] = [str(_REPOSITORY), *(str(_REPOSITORY / "test" / n) for n in ("ros", "common", "recordings"))]

from hostile_case import Case, Seed  # noqa: E402 - after the search path

#: Limits of a refusal: seconds of the processor, and megabytes over the process before. Files that are used have none.
SECONDS, MEGABYTES = 1.0, 200.0
#: Seconds after which a process that reads a file is ended, and seconds for its start, on a busy computer, too.
HUNG, STARTS = 60.0, 300.0
#: Largest number of characters of a reason.
LONGEST = 1300


@dataclass(frozen=True)
class Outcome:
    """Result of a case; ``fault`` is empty if it passed."""

    case: Case
    kind: str
    text: str
    seconds: float
    megabytes: float
    fault: str = ""


class Reader:
    """Process of `hostile_worker`; it is started again after a file that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, reader: str, path: Path) -> dict[str, Any]:
        """Let the process read a file; return its answer, or how it ended."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{reader} {path}\n")
        process.stdin.flush()
        start = time.monotonic()
        ready, _, _ = select.select([process.stdout], [], [], HUNG)
        line = process.stdout.readline() if ready else ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        seconds = time.monotonic() - start
        code = None if not ready else process.wait()
        self.close()
        fault = f"no answer for {HUNG} s" if code is None else f"the process ended with {code}"
        return {"fault": fault, "seconds": seconds, "megabytes": 0.0}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hostile_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], STARTS)
        if not ready or self._process.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError("the process that reads the files did not start")
        return self._process


def run(seeds: Sequence[Seed], cases: Sequence[Case], folder: Path) -> Iterator[Outcome]:
    """Read the seeds, which must be used, then the cases.

    Args:
        seeds: files without damage.
        cases: cases to run.
        folder: empty folder for the damaged files.
    """
    reader = Reader()
    try:
        for seed in seeds:
            opened = seed.path / seed.opened
            for _ in range(2):  # first uses load libraries
                answer = reader.ask(seed.reader, opened)
            if "used" not in answer:
                yield judged(Case(seed, "no damage", lambda path: None), opened, {**answer, "fault": str(answer)})
        for case in cases:
            path = case.make(folder / "case")
            answer = reader.ask(case.seed.reader, path)
            yield judged(case, folder / "case", answer)
            shutil.rmtree(folder / "case")
    finally:
        reader.close()


def judged(case: Case, folder: Path, answer: dict[str, Any]) -> Outcome:
    """Judge an answer of the process to a case, whose files are in a folder."""
    kind = next(kind for kind in ("fault", "used", "withheld", "refused") if kind in answer)
    text, seconds, megabytes = str(answer[kind]), answer["seconds"], answer["megabytes"]
    fault = text if kind == "fault" else ""
    if kind == "refused":
        if str(folder) not in text:
            fault = f"does not name the file: {text}"
        elif len(text) > LONGEST or not text.replace("\n", " ").isprintable():
            fault = f"{len(text)} characters, or unprintable ones: {text[:300]!r}"
    if kind != "used" and not fault:
        if seconds > SECONDS:
            fault = f"took {seconds:.1f} s: {text}"
        elif megabytes > MEGABYTES:
            fault = f"took {megabytes:.0f} MB: {text}"
    return Outcome(case, kind, text, seconds, megabytes, fault)


def main() -> int:
    """Run all cases, or some of them, and print the failures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="run the cases whose name has this text")
    parser.add_argument("--verbose", action="store_true", help="print every case with its reason")
    options = parser.parse_args()
    from hostile_seeds import make_seeds

    with tempfile.TemporaryDirectory(prefix="hostile_") as name:
        root = Path(name)
        (root / "seeds").mkdir()
        seeds = list(make_seeds(root / "seeds"))
        cases = [case for seed in seeds for case in seed.cases if options.only in case.name]
        outcomes = []
        for outcome in run(seeds, cases, root):
            outcomes.append(outcome)
            if outcome.fault:
                print(f"FAILED  {outcome.case.name}\n        {outcome.fault}", flush=True)
            elif options.verbose:
                numbers = f"{outcome.seconds:5.2f} s {outcome.megabytes:4.0f} MB"
                print(f"{outcome.kind:8} {numbers}  {outcome.case.name}: {outcome.text[:400]}", flush=True)
    counts = Counter("failed" if outcome.fault else outcome.kind for outcome in outcomes)
    refusals = [outcome for outcome in outcomes if outcome.kind != "used"]
    slowest = max((outcome.seconds for outcome in refusals), default=0.0)
    largest = max((outcome.megabytes for outcome in refusals), default=0.0)
    print(f"{len(cases)} cases: {', '.join(f'{count} {kind}' for kind, count in sorted(counts.items()))}")
    print(f"a refusal took {slowest:.2f} s and {largest:.0f} MB at most")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
