"""Stage `reward-dev`: what the paper measures of a reward model, on the dev split, through Lunette's engine."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from .figures import RESAMPLES
from .log import Log
from .lunette import Lunette
from .render import add_lunette, lunette
from .sources.reward_rows import PAIRS, Chain, Problem, chains, problems

# Shares of a solution's tokens after which Q is looked at.
PARTS = (0.2, 0.4, 0.6, 0.8, 1.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the folder of the labelled sets")
    parser.add_argument("--head", type=Path, required=True, help="the head that `export` wrote")
    parser.add_argument("--out", type=Path, required=True, help="a folder for rewards and figures; what is there is kept")
    add_lunette(parser)
    parser.add_argument("--sets", nargs="*", choices=("solutions", "pairs", "chains"), default=("solutions", "pairs", "chains"))
    parser.add_argument("--most", type=int, default=0, help="rows of a set [all]")
    parser.add_argument("--weights", type=Path, help="adds the mean log-probability under the base, by PyTorch, as a baseline")
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> None:
    program, most = lunette(options), options.most or None
    measure = {"solutions": of_solutions, "pairs": of_pairs, "chains": of_chains}
    lines = [line for name in options.sets for line in measure[name](options, Rewards(program, options), most)]
    text = table(lines)
    (options.out / "figures.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (options.out / "figures.md").write_text(text, encoding="utf-8")
    Log(options.out / "log.jsonl").write("measured", options=vars(options))
    print(text)


class Rewards:
    """Rewards of responses, and how likely the base finds these."""

    def __init__(self, program: Lunette, options: argparse.Namespace):
        self._program, self._options = program, options

    def of(self, name: str, asked: list[tuple[str, list[str]]]) -> list[list[dict]]:
        rows = [{"id": i, "input": input, "responses": responses} for i, (input, responses) in enumerate(asked)]
        lines = self._program.rewards(rows, self._options.head, self._options.out / f"{name}.jsonl")
        failed = [line["error"]["message"] for line in lines if "error" in line]
        if failed:
            raise ValueError(f"{len(failed)} of {len(lines)} rows of {name} have no reward: {failed[0]}")
        return [line["verdict"]["rewards"] for line in lines]

    def likelihoods(self, name: str, asked: list[tuple[str, list[str]]]) -> list[list[float]] | None:
        """The mean log-probability of each response's tokens."""
        if self._options.weights is None:
            return None
        file = self._options.out / f"{name}-likelihoods.json"
        if not file.exists():
            file.write_text(json.dumps(_likelihoods(self._program, self._options.weights, asked)), encoding="utf-8")
        return json.loads(file.read_text(encoding="utf-8"))


def _likelihoods(program: Lunette, weights: Path, asked: list[tuple[str, list[str]]]) -> list[list[float]]:
    from tqdm import tqdm

    from . import model as models
    from .packing import Pack

    talks = iter(program.talks([(input, text) for input, texts in asked for text in texts]))
    model, found = models.base(weights).eval(), []
    for _, texts in tqdm(asked, desc="likelihoods", unit="row"):
        pack, whole = Pack(), [next(talks) for _ in texts]
        places = [pack.add(talk.tokens)[talk.start - 1 :] for talk in whole]
        keep = sorted({place for of_talk in places for place in of_talk[:-1]})
        at = {place: i for i, place in enumerate(keep)}
        logs = models.log_probabilities(model, pack, keep)
        of = lambda talk, places: [float(logs[at[p], t]) for p, t in zip(places, talk.tokens[talk.start :])]
        found.append([float(np.mean(of(talk, of_talk))) for talk, of_talk in zip(whole, places)])
    return found


def of_solutions(options: argparse.Namespace, rewards: Rewards, most: int | None) -> list[dict]:
    """Whether a solution is right: AUROC, from all of it and from a part; votes and the best of four."""
    rows = problems(options.data)[:most]
    asked = [(row.input, row.responses) for row in rows]
    found, likely = rewards.of("solutions", asked), rewards.likelihoods("solutions", asked)
    scores = {
        "reward": [[one["reward"] for one in of_row] for of_row in found],
        "least Q": [[one["minimum"]["q"] if one["minimum"] else 1.0 for one in of_row] for of_row in found],
        **{
            f"Q after {part:.0%}": [[one["q"][max(0, round(part * len(one["q"])) - 1)] for one in of_row] for of_row in found]
            for part in PARTS
        },
        "shorter": [[-float(len(text)) for text in row.responses] for row in rows],
    }
    if likely:
        scores["mean log-probability"] = likely
    right = np.array([row.right for row in rows], float)
    lines = [
        line("solutions", "AUROC", name, len(rows), _auroc(right, np.array(score)), options.seed)
        for name, score in scores.items()
    ]
    against = np.array(scores["reward"])
    for name in ("shorter", "mean log-probability"):
        if name in scores:
            more = _difference(_auroc(right, against), _auroc(right, np.array(scores[name])))
            lines.append(line("solutions", "AUROC, better by", f"reward than {name}", len(rows), more, options.seed))
    return lines + _votes(rows, found, options.seed)


def _votes(rows: list[Problem], found: list[list[dict]], seed: int) -> list[dict]:
    """Of four solutions: one at random, the vote, the vote among those whose Q does not fall, and the best by reward."""
    every = list(range(len(rows[0].right)))
    kept = [[i for i in every if of_row[i]["fall"] is None] or every for of_row in found]
    ways = {
        "one at random": [float(np.mean(row.right)) for row in rows],
        "vote": [_vote(row, every) for row in rows],
        "vote without falls": [_vote(row, left) for row, left in zip(rows, kept)],
        "best reward": [float(row.right[int(np.argmax([one["reward"] for one in of_row]))]) for row, of_row in zip(rows, found)],
        "any is right": [float(any(row.right)) for row in rows],
    }
    lines = [line("four solutions", "accuracy", name, len(rows), _mean(values), seed) for name, values in ways.items()]
    tokens = np.array([[len(one["q"]) for one in of_row] for of_row in found], float)
    fallen = [[len(one["q"]) - one["fall"] if one["fall"] is not None else 0 for one in of_row] for of_row in found]
    saved = lambda drawn: float(np.array(fallen)[drawn].sum() / tokens[drawn].sum())
    return [*lines, line("four solutions", "tokens saved", "vote without falls", len(rows), saved, seed)]


def _vote(row: Problem, voters: list[int]) -> float:
    """How often the commonest answer is right; equal counts share."""
    counts = Counter(row.answers[i] for i in voters)
    winners = [answer for answer, count in counts.items() if count == max(counts.values())]
    right = {row.answers[i]: row.right[i] for i in voters}
    return float(np.mean([right[answer] for answer in winners]))


def of_pairs(options: argparse.Namespace, rewards: Rewards, most: int | None) -> list[dict]:
    lines = []
    for name, rows_of in PAIRS.items():
        rows = list(rows_of(options.data))[:most]
        asked = [(row.input, [row.responseA, row.responseB]) for row in rows]
        truth = np.array([row.preferred > 0.5 for row in rows])
        found, likely = rewards.of(name, asked), rewards.likelihoods(name, asked)
        scores = {
            "reward": [[one["reward"] for one in two] for two in found],
            "Q at the end": [[one["end"] for one in two] for two in found],
            "longer": [[float(len(text)) for text in texts] for _, texts in asked],
        }
        if likely:
            scores["mean log-probability"] = likely
        right = {way: _right(np.array(score), truth) for way, score in scores.items()}
        lines += [line(name, "accuracy", way, len(rows), _mean(values), options.seed) for way, values in right.items()]
        for way in ("longer", "mean log-probability"):
            if way in right:
                more = _mean(np.array(right["reward"]) - np.array(right[way]))
                lines.append(line(name, "accuracy, better by", f"reward than {way}", len(rows), more, options.seed))
    return lines


def _right(score: np.ndarray, first: np.ndarray) -> list[float]:
    """1 where the better response has the higher score, a half where both have the same."""
    more = np.sign(score[:, 0] - score[:, 1]) * np.where(first, 1, -1)
    return list((more + 1) / 2)


def of_chains(options: argparse.Namespace, rewards: Rewards, most: int | None) -> list[dict]:
    """Where a chain of reasoning goes wrong: in the step within which Q falls furthest."""
    rows = chains(options.data)
    lines = []
    for source in sorted({row.source for row in rows}):
        ours = [row for row in rows if row.source == source][:most]
        found = rewards.of(f"chains-{source}", [(row.input, [row.response]) for row in ours])
        guesses = {
            "furthest fall of Q": [_fall(row, one) for row, [one] in zip(ours, found)],
            "the first step": [0] * len(ours),
            "the last step": [len(row.steps) - 1 for row in ours],
        }
        for way, at in guesses.items():
            hits = [float(guess == row.wrong) for guess, row in zip(at, ours)]
            lines.append(line(f"chains, {source}", "first wrong step found", way, len(ours), _mean(hits), options.seed))
        chance = _mean([1 / len(row.steps) for row in ours])
        lines.append(line(f"chains, {source}", "first wrong step found", "a step at random", len(ours), chance, options.seed))
    return lines


def _fall(row: Chain, found: dict) -> int:
    """The step over which Q loses most, from the last token of the step before to its own last."""
    ends, read, step, length = [], 0, 0, len(row.steps[0])
    for place, text in enumerate(found["tokens"]):
        read += len(text)
        while step < len(row.steps) and read >= length:
            ends.append(place)
            step += 1
            length += 1 + len(row.steps[step]) if step < len(row.steps) else 0
    q = [found["q"][place] for place in ends]
    falls = np.diff([found["q"][0], *q])
    return int(np.argmin(falls))


Measure = Callable[[np.ndarray], float]


def _auroc(truth: np.ndarray, score: np.ndarray) -> Measure:
    """Over the problems with these numbers, all solutions of each."""
    return lambda drawn: float(roc_auc_score(truth[drawn].ravel(), score[drawn].ravel()))


def _mean(values: Sequence[float]) -> Measure:
    return lambda drawn: float(np.asarray(values)[drawn].mean())


def _difference(ours: Measure, theirs: Measure) -> Measure:
    return lambda drawn: ours(drawn) - theirs(drawn)


def line(name: str, figure: str, by: str, n: int, measure: Measure, seed: int) -> dict:
    """A figure with its 95% interval, by the bootstrap over problems."""
    draw = np.random.default_rng(seed)
    values = [measure(draw.integers(n, size=n)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return {"set": name, "n": n, "figure": figure, "by": by, "value": measure(np.arange(n)), "low": low, "high": high}


def table(lines: list[dict]) -> str:
    out = ["| set | n | figure | by | value | 95% |", "|---|---|---|---|---|---|"]
    for one in lines:
        interval = f"[{one['low']:.2f}, {one['high']:.2f}]"
        out.append(f"| {one['set']} | {one['n']} | {one['figure']} | {one['by']} | {one['value']:.2f} | {interval} |")
    return "\n".join(out) + "\n"
