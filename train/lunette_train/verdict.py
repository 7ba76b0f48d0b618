"""Stage `verdict`: LoRA on the verdict's tokens alone, with the two orders of a pair held to one another."""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import Dataset

from . import model as models
from . import training
from .log import Log
from .packing import Pack
from .prompts import POINTWISE, Book, Rendered
from .targets import fork, usual, verdict

ENDS = "ends.safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prompts", type=Path, required=True, help="what `render` wrote")
    parser.add_argument("--weights", type=Path, required=True, help="the base as `unpack` wrote it, or its GGUF file")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the adapter, its checkpoints and its log")
    parser.add_argument("--init", type=Path, help="an adapter to go on from, in place of a new one")
    parser.add_argument("--sources", nargs="*", metavar="NAME", help="only these; for ablations")
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="all but these")
    parser.add_argument("--cap", type=int, default=0, help="most rows of one source in an epoch, each time others [no limit]")
    parser.add_argument("--caps", nargs="*", default=[], metavar="NAME=ROWS", help="the same for single sources")
    parser.add_argument("--longest", type=int, default=0, help="leave out rows with a longer prompt [no limit]")
    parser.add_argument("--consistency", type=float, default=0.5, help="weight of the divergence between orders")
    parser.add_argument("--ends", type=float, default=1.0, help="weight of ranking the states where two responses end")
    parser.add_argument("--budget", type=int, default=2048, help="tokens of one forward pass")
    training.add_arguments(parser)
    add_adapter(parser)


def add_adapter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=int, default=32)
    parser.add_argument("--upper", type=float, default=1.0, help="the share of the layers, from the top, that have LoRA")


def run(options: argparse.Namespace) -> None:
    book = Book.load(options.prompts)
    rows = chosen(book, options)
    packs = pack_all(rows, options)
    log = Log(options.out / "log.jsonl")
    log.write("began", options=vars(options), rows=Counter(row.source for row in rows), packs=len(packs), about=book.about)
    base = models.base(options.weights)
    if options.init:
        model = models.with_adapter(base, options.init, trainable=True)
    else:
        model = models.with_new_adapter(base, options.rank, options.alpha, options.upper, options.seed)
    model.ends_head = new_head(base.config.hidden_size).to(models.device())
    if options.init and (options.init / ENDS).exists():
        model.ends_head.load_state_dict(load_file(options.init / ENDS))
    collate = Collator(book)
    trainer = VerdictTrainer(
        model=model, args=training.arguments(options), train_dataset=packs, data_collator=collate,
        callbacks=training.callbacks(log, options), consistency=options.consistency, ends=options.ends,
    )  # fmt: skip
    training.train(trainer, log, options.out)


def new_head(width: int) -> torch.nn.Linear:
    """Says nothing at first. It teaches the layers below it, and is not exported."""
    head = torch.nn.Linear(width, 1, bias=False)
    torch.nn.init.zeros_(head.weight)
    return head


def chosen(book: Book, options: argparse.Namespace) -> list[Rendered]:
    return [
        row
        for row in book.rows
        if (not options.sources or row.source in options.sources)
        and row.source not in options.without
        and (not options.longest or max(len(prompt.tokens) for prompt in row.prompts) <= options.longest)
    ]


@dataclass
class Drawn:
    """A row with the label whose tokens are followed this time."""

    row: Rendered
    label: str


class Packs(Dataset):
    """Lists of rows that go through the model together, in the order of training."""

    def __init__(self, packs: list[list[Drawn]]):
        self._packs = packs

    def __len__(self) -> int:
        return len(self._packs)

    def __getitem__(self, i: int) -> list[Drawn]:
        return self._packs[i]


def pack_all(rows: list[Rendered], options: argparse.Namespace) -> Packs:
    """All epochs, each in an order of its own, so that a resumed run finds the same packs."""
    return Packs([
        pack
        for epoch in range(options.epochs)
        for pack in pack_epoch(rows, random.Random(f"{options.seed} {epoch}"), caps(rows, options), options.budget)
    ])  # fmt: skip


def caps(rows: list[Rendered], options: argparse.Namespace) -> dict[str, int]:
    """The most rows of each source."""
    given = {name: int(most) for name, most in (cap.split("=") for cap in options.caps)}
    return {row.source: given.get(row.source, options.cap) for row in rows}


def pack_epoch(rows: list[Rendered], draw: random.Random, caps: dict[str, int], budget: int) -> list[list[Drawn]]:
    by_source = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    taken = [
        row
        for source, same in by_source.items()
        for row in (draw.sample(same, caps[source]) if 0 < caps[source] < len(same) else same)
    ]
    draw.shuffle(taken)
    packs: list[list[Drawn]] = []
    open_packs: dict[str, tuple[Pack, list[Drawn]]] = {}
    # Rows of one kind have most of a prompt in common.
    for row in taken:
        pack, inside = open_packs.setdefault(row.kind, (Pack(), []))
        if inside and len(pack) + sum(pack.cost(prompt.tokens) for prompt in row.prompts) > budget:
            packs.append(inside)
            pack, inside = open_packs[row.kind] = (Pack(), [])
        for prompt in row.prompts:
            pack.add(prompt.tokens)
        label = draw.choices(list(row.labels), weights=list(row.labels.values()))[0]
        inside.append(Drawn(row, label))
    packs += [inside for _, inside in open_packs.values() if inside]
    draw.shuffle(packs)
    return packs


@dataclass
class Collator:
    """A pack as tensors: what the model reads, which tokens it shall predict, and where the orders shall agree."""

    book: Book

    def __call__(self, examples: list[list[Drawn]]) -> dict[str, torch.Tensor]:
        [drawn] = examples
        pack, wanted, forks, sources, ends = Pack(), [], [], [], []
        singles, of_pairs = [], []
        for item in drawn:
            if item.row.pointwise:
                places = [pack.add(prompt.tokens)[-1] for prompt in item.row.prompts]
                singles.append((places, item.row.labels["a"]))
                of_pairs.append(item.row.source)
                continue
            ways = []
            for prompt in item.row.prompts:
                labels = {prompt.own(label): share for label, share in item.row.labels.items()}
                goal = verdict(labels, prompt.own(item.label), self.book.spellings, self.book.end)
                whole = pack.add([*prompt.tokens, *goal.path])
                places = whole[len(prompt.tokens) - 1 :]
                if prompt.ends:
                    first, second = (whole[place] for place in prompt.ends)
                    ends.append((first, second, item.row.labels["b" if prompt.swapped else "a"]))
                wanted += [
                    (place, token, share, len(sources))
                    for place, next in zip(places, goal.next)
                    for token, share in next.items()
                ]
                sources.append(item.row.source)
                shared, tokens = fork(list(labels), self.book.spellings)
                ways.append((places[shared], tokens))
            first = ways[0]
            forks += [(first, other) for other in ways[1:] if len(set(first[1])) == len(set(other[1]))]
        read_alone = {place for two, _ in singles for place in two}
        keep = sorted({place for place, *_ in wanted} | {way[0] for two in forks for way in two} | read_alone)
        at = {place: i for i, place in enumerate(keep)}
        # Sets of labels differ in size: shorter ones repeat their first token with no weight.
        widest = max((len(set(way[1])) for two in forks for way in two), default=1)
        return {
            **models.inputs(pack, keep),
            "places": torch.tensor([at[place] for place, *_ in wanted]).long(),
            "tokens": torch.tensor([token for _, token, *_ in wanted]).long(),
            "shares": torch.tensor([share for _, _, share, _ in wanted]),
            "prompts": torch.tensor([prompt for *_, prompt in wanted]).long(),
            "sources": sources,
            "singles": torch.tensor([[at[place] for place in two] for two, _ in singles]).reshape(-1, 2).long(),
            "a_better": torch.tensor([share for _, share in singles]),
            "of_pairs": of_pairs,
            "good_and_poor": torch.tensor([usual(self.book.spellings, name)[0] for name in POINTWISE] if singles else []).long(),
            "ends": torch.tensor([two[:2] for two in ends]).reshape(-1, 2).long(),
            "first_better": torch.tensor([share for *_, share in ends]),
            "fork_places": torch.tensor([[at[place] for place, _ in two] for two in forks]).reshape(-1, 2).long(),
            "fork_tokens": torch.tensor([[_padded(tokens, widest) for _, tokens in two] for two in forks])
            .reshape(len(forks), 2, widest)
            .long(),
        }


def _padded(tokens: list[int], width: int) -> list[int]:
    """Distinct tokens in the order of the labels; −1 where there are no more."""
    distinct = list(dict.fromkeys(tokens))
    return distinct + [-1] * (width - len(distinct))


def losses(logits: torch.Tensor, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropy of the verdict's tokens over the whole vocabulary, of each prompt; and the symmetric divergence
    KL(p‖q) + KL(q‖p) between what two orders of a row say of its labels and of all the rest, a row's mean."""
    logs = logits.float().log_softmax(-1)
    each = -logs[batch["places"], batch["tokens"]] * batch["shares"]
    nll = each.new_zeros(len(batch["sources"])).index_add(0, batch["prompts"], each)
    if not len(batch["fork_places"]):
        return nll, nll.new_zeros(())
    tokens = batch["fork_tokens"]
    picked = logs[batch["fork_places"]].gather(-1, tokens.clamp(min=0))
    # So unlikely that it counts for nothing, and equal on both sides.
    picked = picked.masked_fill(tokens < 0, -30.0)
    rest = torch.log1p(-picked.exp().sum(-1, keepdim=True).clamp(max=1 - 1e-6))
    p, q = torch.cat([picked, rest], -1).unbind(1)
    return nll, ((p.exp() - q.exp()) * (p - q)).sum(-1).mean()


def single(logits: torch.Tensor, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each pair whose responses are read one by one, the cross entropy of σ(u − v) with the share of raters who prefer a, where
    u and v are the log odds of "Good" over "Poor" of a and of b (Bradley and Terry); and −log of what both labels have together."""
    logs = logits.float().log_softmax(-1)[batch["singles"]][..., batch["good_and_poor"]]
    odds = logs[..., 0] - logs[..., 1]
    ranking = binary_cross_entropy_with_logits(odds[:, 0] - odds[:, 1], batch["a_better"], reduction="none")
    return ranking, -logs.logsumexp(-1).mean(-1)


def ending(head: torch.nn.Module, states: torch.Tensor, batch: dict) -> torch.Tensor:
    """Cross entropy of σ(r₁ − r₂), where r is the head's reading of the state that a response ends in, with the share of raters
    who prefer the first: the mean over comparisons. To name the better of two texts in one prompt is hard to learn from the
    name alone; this teaches what makes one better where it is read."""
    if not len(batch["ends"]):
        return states.new_zeros(())
    first, second = head(states[batch["ends"]].float())[..., 0].unbind(1)
    return binary_cross_entropy_with_logits(first - second, batch["first_better"])


class VerdictTrainer(training.HeadTrainer):
    def __init__(self, consistency: float, ends: float, **more):
        super().__init__("ends_head", ENDS, **more)
        self._consistency, self._ends = consistency, ends

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        batch = dict(inputs)
        given = {name: batch.pop(name) for name in ("input_ids", "position_ids", "logits_to_keep", "runs")}
        found = model(**given, output_hidden_states=True)
        nll, divergence = losses(found.logits[0], batch)
        for source, of_prompt in zip(batch["sources"], nll):
            self.note(**{f"nll {source}": of_prompt})
        ends = ending(model.ends_head, found.hidden_states[-1][0], batch)
        if len(batch["singles"]):
            ranking, outside = single(found.logits[0], batch)
            for source, of_pair in zip(batch["of_pairs"], ranking):
                self.note(**{f"nll {source}": of_pair})
            self.note(outside=outside.mean())
            nll = torch.cat([nll, ranking + outside])
        nll = nll.mean()
        self.note(nll=nll, divergence=divergence, ends=ends)
        loss = nll + self._consistency * divergence + self._ends * ends
        return (loss, None) if return_outputs else loss
