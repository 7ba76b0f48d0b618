"""What the training stages have in common: Transformers' Trainer with checkpoints, a time limit and a log."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.utils.data import SequentialSampler
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from .log import Log
from .model import precision


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--steps", type=int, default=0, help="end after so many steps; the learning rate falls to 0 there")
    parser.add_argument("--accumulate", type=int, default=4, help="packs of one step")
    parser.add_argument("--rate", type=float, default=2e-4, help="the highest learning rate")
    parser.add_argument("--warmup", type=float, default=0.05, help="the share of the steps in which the rate rises")
    parser.add_argument("--save-every", type=int, default=20, metavar="STEPS")
    parser.add_argument("--minutes", type=float, default=0, help="stop there with a checkpoint; the same command goes on")


def settings(options: argparse.Namespace) -> dict:
    """Arguments of TrainingArguments, and of whatever inherits them."""
    return dict(
        output_dir=str(options.out / "checkpoints"), seed=options.seed, data_seed=options.seed,
        max_steps=options.steps or -1, num_train_epochs=1, per_device_train_batch_size=1,
        gradient_accumulation_steps=options.accumulate, learning_rate=options.rate, lr_scheduler_type="linear",
        warmup_steps=options.warmup, weight_decay=0.0, max_grad_norm=1.0, bf16=precision() is torch.bfloat16,
        use_cpu=not torch.cuda.is_available(), logging_steps=1, save_steps=options.save_every, save_total_limit=2,
        report_to=[], remove_unused_columns=False, dataloader_num_workers=0, dataloader_pin_memory=False,
    )  # fmt: skip


def arguments(options: argparse.Namespace) -> TrainingArguments:
    return TrainingArguments(**settings(options))


class Trainer(transformers.Trainer):
    """Takes the rows in the order given: it is drawn already, with the epochs in it."""

    def __init__(self, **more):
        super().__init__(**more)
        self.model_accepts_loss_kwargs = False
        self._noted: dict[str, list[float]] = defaultdict(list)

    def _get_train_sampler(self, *_):
        return SequentialSampler(self.train_dataset)

    def note(self, **values: torch.Tensor) -> None:
        """Parts of the loss, for the log."""
        for name, value in values.items():
            self._noted[name].append(float(value.detach()))

    def log(self, logs: dict, *more) -> None:
        means = {name: sum(values) / len(values) for name, values in self._noted.items() if values}
        self._noted.clear()
        super().log({**logs, **means}, *more)


class HeadTrainer(Trainer):
    """With a head of the model that is no part of PEFT's adapter: it is saved and loaded beside it, in a file of its own."""

    def __init__(self, head: str, file: str, **more):
        super().__init__(**more)
        self._head, self._file = head, file

    def _save(self, output_dir=None, state_dict=None):
        super()._save(output_dir, state_dict)
        head = getattr(self.model, self._head).state_dict()
        weights = {name: tensor.contiguous() for name, tensor in head.items()}
        save_file(weights, Path(output_dir or self.args.output_dir) / self._file)

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._load_head(Path(resume_from_checkpoint))

    def _load_best_model(self):
        super()._load_best_model()
        self._load_head(Path(self.state.best_model_checkpoint))

    def _load_head(self, folder: Path) -> None:
        getattr(self.model, self._head).load_state_dict(load_file(folder / self._file))


class _Lines(TrainerCallback):
    def __init__(self, log: Log):
        self._log = log

    def on_log(self, args, state, control, logs=None, **more):
        self._log.write("step", step=state.global_step, **(logs or {}))


class _Limit(TrainerCallback):
    """Ends in time, with a checkpoint from which the next call goes on."""

    def __init__(self, minutes: float):
        self._end = time.monotonic() + 60 * minutes
        self.reached = False

    def on_step_end(self, args, state, control, **more):
        if time.monotonic() >= self._end:
            self.reached = control.should_save = control.should_training_stop = True


def callbacks(log: Log, options: argparse.Namespace) -> list[TrainerCallback]:
    return [_Lines(log), *([_Limit(options.minutes)] if options.minutes else [])]


def train(trainer: transformers.Trainer, log: Log, out: Path) -> bool:
    """Goes on from the last checkpoint, if there is one, and writes the adapter when all is done; then it returns true."""
    last = get_last_checkpoint(str(out / "checkpoints")) if (out / "checkpoints").is_dir() else None
    result = trainer.train(resume_from_checkpoint=last)
    # One that ended early because nothing got better is done.
    done = not any(isinstance(callback, _Limit) and callback.reached for callback in trainer.callback_handler.callbacks)
    trainer.save_model(str(out / ("adapter" if done else "adapter-so-far")))
    log.write("done" if done else "stopped", step=trainer.state.global_step, of=trainer.state.max_steps, **result.metrics)
    return done
