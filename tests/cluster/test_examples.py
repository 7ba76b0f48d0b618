"""The examples for Spark and Slurm, over two shards: each must give the report of one process, to the byte.

LUNETTE is the program, LUNETTE_MODEL the model's file.
"""

import filecmp
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
EVALUATION = EXAMPLES / "spark" / "eval.yaml"
PROGRAM = os.environ["LUNETTE"]
MODEL = os.environ["LUNETTE_MODEL"]
FILES = ["results.jsonl", "run.json", "report.json", "report.md", "report.html", "report.csv", "report.xml"]
ENVIRONMENT = {**os.environ, "PATH": f"{Path(PROGRAM).parent}{os.pathsep}{os.environ['PATH']}"}


def run(*command, **variables):
    subprocess.run([str(part) for part in command], env={**ENVIRONMENT, **variables}, check=True, timeout=600)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """What one process makes of the rows."""
    out = tmp_path_factory.mktemp("single")
    run(PROGRAM, "evaluate", EVALUATION, "--quiet", "--allow-errors", "--backend", "cpu", "--out", out)
    return out


def check(single, out):
    assert filecmp.cmpfiles(single, out, FILES, shallow=False) == (FILES, [], [])
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 6 and sum("error" in row for row in rows) == 1


def test_spark(single, tmp_path):
    script = EXAMPLES / "spark" / "evaluate.py"
    options = ["--backend", "cpu", "--model", MODEL, "--out", tmp_path, "--lunette", PROGRAM]
    run(sys.executable, script, EVALUATION, *options, PYSPARK_PYTHON=sys.executable)
    assert (tmp_path / "shard-1").is_dir()
    check(single, tmp_path)


def test_slurm(single, tmp_path):
    script = EXAMPLES / "slurm" / "evaluate.sbatch"
    for task in "01":
        run("sh", script, EVALUATION, tmp_path, SLURM_ARRAY_TASK_ID=task, SLURM_ARRAY_TASK_COUNT="2")
    run(PROGRAM, "merge-runs", *sorted(tmp_path.glob("shard-*")), "--allow-errors", "--out", tmp_path)
    check(single, tmp_path)
