"""Stage `reward`: a goal-conditioned reward model: LoRA and a head on the last state, from pairs of responses."""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import EarlyStoppingCallback

from . import model as models
from . import row as rows_file
from . import training
from .goals import contrastive, ranking, sample
from .log import Log
from .lunette import Lunette, Talk
from .packing import Pack
from .render import add_lunette, lunette
from .row import Row
from .verdict import Packs, add_adapter

HEAD, GOALS = "head.safetensors", "goals.safetensors"
# Preferred responses whose last states' mean is the goal.
GOAL_PAIRS = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=Path, required=True, help="what `curate` wrote; its comparisons are read")
    parser.add_argument("--out", type=Path, required=True, help="a folder for adapter and head, checkpoints and log")
    add_lunette(parser)
    parser.add_argument("--weights", type=Path, help="the base as `unpack` wrote it [the GGUF file itself]")
    parser.add_argument("--sources", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--beta", type=float, default=0.5, help="weight of the contrastive loss; 0 leaves the ranking alone")
    parser.add_argument(
        "--across", action="store_true",
        help="rank each preferred response above each rejected one of a pack, whatever their inputs: where right is right",
    )  # fmt: skip
    parser.add_argument("--head", choices=("linear", "mlp"), default="linear")
    parser.add_argument("--frozen", action="store_true", help="train the head alone")
    parser.add_argument("--most-tokens", type=int, default=768, help="pairs with a longer talk are left out")
    parser.add_argument("--budget", type=int, default=2048, help="tokens of one forward pass")
    parser.add_argument("--validate", type=float, default=0.05, help="the share of the inputs that is held back")
    parser.add_argument("--validate-every", type=int, default=25, metavar="STEPS")
    parser.add_argument("--patience", type=int, default=3, help="validations without a gain, after which it ends")
    training.add_arguments(parser)
    add_adapter(parser)


def run(options: argparse.Namespace) -> None:
    pairs = read_pairs(options)
    held_back, rest = split(pairs, options.validate, options.seed)
    order = random.Random(options.seed)
    train = Packs([pack for _ in range(options.epochs) for pack in pack_all(shuffled(rest, order), options.budget)])
    validation = Packs(pack_all(held_back, options.budget))
    log = Log(options.out / "log.jsonl")
    log.write("began", options=vars(options), pairs=Counter(pair.source for pair in rest), held_back=len(held_back))
    base = models.base(options.weights or options.base)
    model = models.with_new_adapter(base, options.rank, options.alpha, options.upper, options.seed)
    model.reward_head = new_head(base.config.hidden_size, options.head, options.seed).to(models.device())
    if options.frozen:
        for name, weights in model.named_parameters():
            weights.requires_grad = "reward_head" in name
    trainer = RewardTrainer(
        model=model, args=arguments(options), train_dataset=train, eval_dataset=validation, data_collator=lambda examples: examples[0],
        callbacks=[*training.callbacks(log, options), EarlyStoppingCallback(options.patience)],
        beta=options.beta, across=options.across, seed=options.seed,
    )  # fmt: skip
    if training.train(trainer, log, options.out):
        save_file({"preferred": goal(model, rest[:GOAL_PAIRS], options.budget)}, options.out / "adapter" / GOALS)


def arguments(options: argparse.Namespace):
    from transformers import TrainingArguments

    common = training.settings(options)
    # The best checkpoint is among those that are kept.
    common |= {"save_steps": options.validate_every, "save_total_limit": options.patience + 2}
    return TrainingArguments(
        **common, eval_strategy="steps", eval_steps=options.validate_every, per_device_eval_batch_size=1,
        load_best_model_at_end=True, metric_for_best_model="eval_loss", greater_is_better=False, label_names=[],
    )  # fmt: skip


@dataclass
class Pair:
    """Two responses to one input, as the engine reads them."""

    source: str
    group: str
    chosen: Talk
    rejected: Talk


def read_pairs(options: argparse.Namespace) -> list[Pair]:
    rows = [row for row in rows_file.read(options.rows) if row.task == "compare" and row.preferred != 0.5]
    rows = [row for row in rows if not options.sources or row.source in options.sources]
    return list(pairs_of(rows, lunette(options), options.most_tokens))


def pairs_of(rows: list[Row], program: Lunette, most: int) -> list[Pair]:
    both = [(row.responseA, row.responseB) if row.preferred > 0.5 else (row.responseB, row.responseA) for row in rows]
    talks = iter(program.talks([(row.input, text) for row, two in zip(rows, both) for text in two]))
    found = [Pair(row.source, row.group, next(talks), next(talks)) for row in rows]
    return [pair for pair in found if max(len(pair.chosen.tokens), len(pair.rejected.tokens)) <= most]


def split(pairs: list[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs of one input stay on one side."""
    groups = sorted({pair.group for pair in pairs})
    held = set(random.Random(f"{seed} validation").sample(groups, max(1, round(len(groups) * share))))
    return [pair for pair in pairs if pair.group in held], [pair for pair in pairs if pair.group not in held]


def shuffled(pairs: list[Pair], draw: random.Random) -> list[Pair]:
    """Pairs of one input stay together: what they have in common is then computed once."""
    by_group: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_group[pair.group].append(pair)
    return [pair for group in draw.sample(list(by_group), len(by_group)) for pair in by_group[group]]


def pack_all(pairs: list[Pair], budget: int) -> list[list[Pair]]:
    packs: list[list[Pair]] = []
    pack, inside = Pack(), []
    for pair in pairs:
        tokens = (pair.chosen.tokens, pair.rejected.tokens)
        if inside and len(pack) + sum(map(pack.cost, tokens)) > budget:
            packs.append(inside)
            pack, inside = Pack(), []
        for talk in tokens:
            pack.add(talk)
        inside.append(pair)
    return [*packs, inside] if inside else packs


def new_head(width: int, kind: str, seed: int) -> torch.nn.Sequential:
    """Linear, or the paper's MLP with ReLU; no biases."""
    torch.manual_seed(seed)
    sizes = [width, 1] if kind == "linear" else [width, width // 2, width // 2, width, 1]
    layers: list[torch.nn.Module] = []
    for into, out in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(into, out, bias=False), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def states(model: torch.nn.Module, talks: list[Talk]) -> list[torch.Tensor]:
    """What the last norm makes of each token of the responses, the turn's end included: `[tokens, width]` each."""
    pack = Pack()
    places = [pack.add(talk.tokens)[talk.start :] for talk in talks]
    given = models.on_device(models.inputs(pack, [0]))
    hidden = model(**given, output_hidden_states=True).hidden_states[-1][0].float()
    return [hidden[at] for at in places]


@torch.inference_mode()
def goal(model: torch.nn.Module, pairs: list[Pair], budget: int) -> torch.Tensor:
    """The mean of the preferred responses' last states, `[width]`."""
    model.eval()
    last = [found[-1] for pack in pack_all(pairs, budget) for found in states(model, [pair.chosen for pair in pack])]
    return torch.stack(last).mean(0).cpu()


class RewardTrainer(training.HeadTrainer):
    def __init__(self, beta: float, across: bool, seed: int, **more):
        super().__init__("reward_head", HEAD, **more)
        self._beta, self._across = beta, across
        self._places = torch.Generator().manual_seed(seed)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        both = states(model, [talk for pair in inputs for talk in (pair.chosen, pair.rejected)])
        rewards = model.reward_head(torch.stack([found[-1] for found in both]))[:, 0]
        better, worse = rewards[0::2], rewards[1::2]
        rank = ranking(better[:, None], worse[None]) if self._across else ranking(better, worse)
        pairs = list(zip(both[0::2], both[1::2]))
        # The same places at each validation, or its losses could not be compared.
        places = self._places if model.training else torch.Generator().manual_seed(0)
        near = contrastive(pairs, [sample(len(a), len(b), places) for a, b in pairs])
        if model.training:
            self.note(ranking=rank, contrastive=near, right=(better > worse).float().mean())
        loss = rank + self._beta * near
        return (loss, None) if return_outputs else loss

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        with torch.no_grad():
            return self.compute_loss(model, inputs), None, None
