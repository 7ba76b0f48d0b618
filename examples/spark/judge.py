"""Judges JSON lines with Lunette on Spark: each partition is piped through a `lunette` process of its own.

    python judge.py --model model.gguf --rubric rubric.yaml rows.jsonl

Lines come out in the order of the rows. With --check, one process judges the same rows and must give the same lines.
"""

import argparse
import shlex
import subprocess
import sys

from pyspark import SparkContext


def main():
    arguments = parse()
    lines = judge_on_spark(arguments)
    for line in lines:
        print(line)
    if arguments.check:
        check(lines, judge_in_one_process(arguments))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", help="a file of JSON lines")
    parser.add_argument("--model", required=True, help="a GGUF file, at the same path on every worker")
    parser.add_argument("--rubric", required=True, help="a YAML file, at the same path on every worker")
    parser.add_argument("--lunette", default="lunette", help="the program")
    parser.add_argument("--partitions", type=int, default=2, help="processes, each of which loads the model")
    parser.add_argument("--check", action="store_true", help="compare with what one process gives")
    # What is left is for `lunette`.
    arguments, arguments.options = parser.parse_known_args()
    return arguments


def command(arguments):
    # A bad row is a line like any other; whatever else goes wrong fails the job.
    return [
        *(arguments.lunette, "score", "--quiet", "--allow-errors"),
        *("--model", arguments.model, "--rubric", arguments.rubric),
        *arguments.options,
    ]


def judge_on_spark(arguments):
    with SparkContext(f"local[{arguments.partitions}]", "lunette") as spark:
        spark.setLogLevel("ERROR")
        # A real job would say `spark.textFile(path)` on storage that all workers see.
        with open(arguments.rows, encoding="utf-8", newline="\n") as file:
            rows = spark.parallelize([line.rstrip("\r\n") for line in file], arguments.partitions)
        return rows.pipe(shlex.join(command(arguments)), checkCode=True).collect()


def judge_in_one_process(arguments):
    with open(arguments.rows, "rb") as file:
        run = subprocess.run(command(arguments), stdin=file, stdout=subprocess.PIPE, check=True)
    return run.stdout.decode("utf-8").split("\n")[:-1]


def check(lines, expected):
    if lines != expected:
        differing = sum(a != b for a, b in zip(lines, expected)) + abs(len(lines) - len(expected))
        sys.exit(f"{differing} of {len(expected)} lines differ from those of one process")
    print(f"the same {len(lines)} lines as one process gives", file=sys.stderr)


if __name__ == "__main__":
    main()
