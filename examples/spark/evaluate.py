"""Evaluates a data set with Lunette on Spark: each task judges one shard, and the driver joins them into one report.

    python evaluate.py eval.yaml --model model.gguf --out run

With --check, one process evaluates the same and must write the same files.
"""

import argparse
import filecmp
import os
import subprocess
import sys

from pyspark import SparkContext

# What a finished run leaves, but for the verdicts in the order in which they were reached.
FILES = ["results.jsonl", "run.json", "report.json", "report.md", "report.html", "report.csv", "report.xml"]


def main():
    arguments = parse()
    shards = [os.path.join(arguments.out, f"shard-{i}") for i in range(arguments.shards)]
    with SparkContext(f"local[{arguments.shards}]", "lunette") as spark:
        spark.setLogLevel("ERROR")
        tasks = spark.parallelize(list(enumerate(shards)), arguments.shards)
        # A task that is lost starts again where it was: its verdicts are in its folder.
        tasks.foreach(lambda task: run(evaluation(arguments, task[1]) + ["--shard", f"{task[0]}/{arguments.shards}"]))
    run([arguments.lunette, "merge-runs", *shards, "--out", arguments.out, "--allow-errors"])
    if arguments.check:
        check(arguments)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", help="what to evaluate, at the same path on every worker")
    parser.add_argument("--model", required=True, help="a GGUF file, at the same path on every worker")
    parser.add_argument("--out", default="run", help="a folder on storage that all workers see")
    parser.add_argument("--lunette", default="lunette", help="the program")
    parser.add_argument("--shards", type=int, default=2, help="processes, each of which loads the model")
    parser.add_argument("--check", action="store_true", help="compare with what one process writes")
    # What is left is for `lunette`.
    arguments, arguments.options = parser.parse_known_args()
    return arguments


def evaluation(arguments, out):
    return [
        *(arguments.lunette, "evaluate", arguments.evaluation, "--quiet", "--allow-errors"),
        *("--model", arguments.model, "--out", out),
        *arguments.options,
    ]


def run(command):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def check(arguments):
    single = os.path.join(arguments.out, "single")
    run(evaluation(arguments, single))
    _, differing, missing = filecmp.cmpfiles(single, arguments.out, FILES, shallow=False)
    if differing or missing:
        sys.exit(f"other than those of one process: {', '.join(differing + missing)}")
    print(f"the same {len(FILES)} files as one process writes", file=sys.stderr)


if __name__ == "__main__":
    main()
