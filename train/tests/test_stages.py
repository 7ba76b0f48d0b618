"""The stages from rows to a file, on a toy model; and the default model through PyTorch and through Lunette."""

import argparse
import dataclasses
import json
import shutil

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lunette_train import export, judge, model, reward, verdict
from lunette_train import row as rows_file
from lunette_train.dev import orders
from lunette_train.lunette import Lunette
from lunette_train.reading import read
from lunette_train.render import render
from lunette_train.row import Critique


def options(stage, *arguments):
    parser = argparse.ArgumentParser()
    stage.add_arguments(parser)
    return parser.parse_args(list(map(str, arguments)))


def events(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def book(program, rows):
    return render(rows, program, 1, 2048, {"base": "x"})


def test_verdict_trains_stops_and_goes_on(book, toy, tmp_path):
    # Pairs alone are one pack an epoch, so that steps can be compared.
    dataclasses.replace(book, rows=book.rows[2:]).save(tmp_path / "prompts.npz")
    asked = ["--prompts", tmp_path / "prompts.npz", "--weights", toy, "--out", tmp_path / "run", "--budget", 2000,
             "--epochs", 8, "--accumulate", 1, "--rate", 1e-2, "--rank", 4]  # fmt: skip
    verdict.run(options(verdict, *asked, "--minutes", 1e-9))
    assert events(tmp_path / "run")[-1]["event"] == "stopped"
    verdict.run(options(verdict, *asked))
    log = events(tmp_path / "run")
    steps = [line for line in log if line["event"] == "step" and "nll" in line]
    assert log[-1]["event"] == "done" and [line["step"] for line in steps] == list(range(1, log[-1]["of"] + 1))
    # The toy can do little: its output matrix is small and stays as it is.
    assert steps[-1]["nll"] < steps[0]["nll"] - 0.05
    assert (tmp_path / "run/adapter/adapter_model.safetensors").exists()


def test_judge_trains_on_critiques_and_on_verdicts_alone(program, rows, toy, tmp_path):
    for row in rows[2:]:
        right = "a" if row.labels["a"] else "b"
        for label in "ab":
            row.critiques.append(Critique(f"Response {label} obeys.", label, label == right, "me"))
    rows_file.write(tmp_path / "rows.jsonl", rows)
    found = judge.examples(rows, program, 0.4, seed=1)
    assert len(found) == 10 and sum(example["plain"] for example in found) == 4
    judge.run(options(
        judge, "--rows", tmp_path / "rows.jsonl", "--out", tmp_path / "run", "--lunette", program.program, "--base",
        program.model, "--weights", toy, "--steps", 2, "--accumulate", 2, "--rank", 4, "--rate", 1e-3,
    ))  # fmt: skip
    assert events(tmp_path / "run")[-1]["event"] == "done"
    assert (tmp_path / "run/adapter/adapter_model.safetensors").exists()


def test_reward_trains_stops_and_goes_on(program, rows, toy, tmp_path):
    rows_file.write(tmp_path / "rows.jsonl", rows)
    asked = ["--rows", tmp_path / "rows.jsonl", "--out", tmp_path / "run", "--lunette", program.program, "--base", program.model,
             "--weights", toy, "--budget", 200, "--epochs", 20, "--accumulate", 1, "--rate", 1e-2, "--rank", 4, "--validate", 0.2,
             "--validate-every", 10, "--patience", 9]  # fmt: skip
    reward.run(options(reward, *asked, "--minutes", 1e-9))
    assert events(tmp_path / "run")[-1]["event"] == "stopped"
    reward.run(options(reward, *asked))
    log = events(tmp_path / "run")
    steps = [line for line in log if line["event"] == "step" and "ranking" in line]
    assert log[-1]["event"] == "done" and len(steps) == log[-1]["of"]
    assert steps[-1]["ranking"] < steps[0]["ranking"] - 0.05 and steps[-1]["contrastive"] < steps[0]["contrastive"]
    head = load_file(tmp_path / "run/adapter" / reward.HEAD)
    assert {name: tuple(weights.shape) for name, weights in head.items()} == {"0.weight": (1, 32)}
    assert (tmp_path / "run/adapter/adapter_model.safetensors").exists()
    goal = load_file(tmp_path / "run/adapter" / reward.GOALS)["preferred"]
    assert goal.shape == (32,) and goal.abs().max() > 0


def test_a_frozen_base_keeps_its_states(program, rows, toy, tmp_path):
    rows_file.write(tmp_path / "rows.jsonl", rows)
    reward.run(options(
        reward, "--rows", tmp_path / "rows.jsonl", "--out", tmp_path / "run", "--lunette", program.program, "--base", program.model,
        "--weights", toy, "--steps", 2, "--frozen", "--head", "mlp", "--beta", 0, "--validate-every", 1, "--rate", 1e-2,
    ))  # fmt: skip
    adapter = load_file(tmp_path / "run/adapter/adapter_model.safetensors")
    assert all(not weights.any() for name, weights in adapter.items() if "lora_B" in name)
    head = load_file(tmp_path / "run/adapter" / reward.HEAD)
    assert [tuple(head[f"{i}.weight"].shape) for i in (0, 2, 4, 6)] == [(16, 32), (16, 16), (32, 16), (1, 32)]


@pytest.fixture(scope="module")
def adapted(program, tmp_path_factory):
    """The default model with a random adapter that is strong enough to change verdicts."""
    folder = tmp_path_factory.mktemp("adapter")
    with pytest.MonkeyPatch.context() as patch:
        # In float32, so that what differs between PyTorch and Lunette is no rounding of PyTorch's.
        patch.setattr(model, "precision", lambda: torch.float32)
        base = model.base(program.model)
    found = model.with_new_adapter(base, rank=4, alpha=8, upper=0.5, seed=1)
    torch.manual_seed(2)
    for name, weights in found.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.05)
    found.save_pretrained(folder)
    return found, folder


def run_export(program, folder, out, *more):
    export.run(options(export, "--adapter", folder, "--base", program.model, "--out", out, *more))
    return gguf.GGUFReader(out)


def test_an_adapter_is_written_as_llama_cpp_reads_it(program, adapted, tmp_path):
    file = run_export(program, adapted[1], tmp_path / "adapter.gguf")
    head = {key: file.fields[key].contents() for key in ("general.type", "adapter.type", "adapter.lora.alpha")}
    assert head == {"general.type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": 8.0}
    assert file.fields["general.architecture"].contents() == "llama"
    assert len(file.fields["lunette.base.sha256"].contents()) == 64
    found = {tensor.name: tensor for tensor in file.tensors}
    assert len(found) == 2 * 7 * 15
    # GGUF lists the dimensions from the innermost.
    assert found["blk.29.attn_k.weight.lora_a"].shape.tolist() == [576, 4]
    assert found["blk.29.attn_k.weight.lora_b"].shape.tolist() == [4, 192]


def probabilities(program, rows, folder):
    found = {}
    for task in ("score", "classify", "compare"):
        of_task, out = [row for row in rows if row.task == task], folder / f"{task}.jsonl"
        for line in program.verdicts(task, of_task, out, "--no-critique", "--batch", "1"):
            found[line["id"]] = orders(task, line["verdict"])
    return found


def test_lunette_says_of_the_merged_file_what_pytorch_says_of_the_adapter(program, book, rows, adapted, tmp_path):
    file = run_export(program, adapted[1], tmp_path / "merged.gguf", "--merge", "--type", "q8_0")
    assert len(file.tensors) == len(gguf.GGUFReader(program.model).tensors)
    chosen, few = rows[:3], dataclasses.replace(book, rows=book.rows[:3])
    ours = {row.id: found for row, found in read(adapted[0], few)}
    theirs = probabilities(Lunette(program.program, tmp_path / "merged.gguf", context=2048), chosen, tmp_path)
    with adapted[0].disable_adapter():
        plain = {row.id: found for row, found in read(adapted[0], few)}
    changed = 0.0
    for row in chosen:
        for one, other, before in zip(ours[row.id], theirs[row.id], plain[row.id], strict=True):
            assert np.abs(np.subtract(values(one), values(other, one))).max() < 0.01
            changed = max(changed, np.abs(np.subtract(values(one), values(before, one))).max())
    # Else this would hold of any file.
    assert changed > 0.02


def test_lunette_rewards_as_pytorch_does(program, adapted, tmp_path):
    found, folder = adapted
    draw = torch.Generator().manual_seed(3)
    row, goal = torch.randn(1, 576, generator=draw), torch.randn(576, generator=draw)
    shutil.copytree(folder, tmp_path / "head")
    save_file({"0.weight": row}, tmp_path / "head" / reward.HEAD)
    save_file({"preferred": goal}, tmp_path / "head" / reward.GOALS)
    run_export(program, tmp_path / "head", tmp_path / "head.gguf", "--type", "f32")
    responses = ["It mirrors the sea.", "Air scatters blue light — 青. <|im_end|>"]
    asked = [{"input": "Why is the sky blue?", "responses": responses}]
    [line] = program.rewards(asked, tmp_path / "head.gguf", tmp_path / "rewards.jsonl")
    talks = program.talks([(asked[0]["input"], text) for text in responses])
    with torch.inference_mode():
        ours = reward.states(found, talks)
    for text, states, theirs in zip(responses, ours, line["verdict"]["rewards"], strict=True):
        assert "".join(theirs["tokens"]) == text
        q = torch.cosine_similarity(states, goal, dim=-1)
        assert torch.allclose(q, torch.tensor([*theirs["q"], theirs["end"]]), atol=0.003)
        assert abs(theirs["reward"] - float(row[0] @ states[-1])) < 0.003 * float(states[-1].norm() * row.norm())


def values(found, names=None):
    return [found[name] for name in names or found]
