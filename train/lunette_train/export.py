"""Stage `export`: an adapter as GGUF, as llama.cpp reads it; the whole model with the adapter added to its weights; or a reward
model's head with its adapter, which Lunette reads."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file
from tqdm import tqdm

from .log import Log
from .render import digest
from .reward import GOALS, HEAD

# GGUF's names of a layer's linear maps, by PEFT's.
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
# What llama.cpp's converter reorders in these architectures' attention, see `interleave`.
INTERLEAVED = ("llama",)
TYPES = {
    "f16": gguf.GGMLQuantizationType.F16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "f32": gguf.GGMLQuantizationType.F32,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--adapter", type=Path, required=True, help="the folder that a training stage wrote")
    parser.add_argument("--base", type=Path, required=True, help="the GGUF file that the adapter is for")
    parser.add_argument("--out", type=Path, required=True, help="the GGUF file to write")
    parser.add_argument("--merge", action="store_true", help="the whole model in place of the adapter")
    parser.add_argument("--type", choices=TYPES, default="f16", help="of the adapter's matrices, or of the merged ones")
    parser.add_argument("--name", default="Lunette Judge")
    parser.add_argument("--method", choices=("pairwise", "pointwise"), help="how it was trained to compare; the default of who loads it")
    parser.add_argument("--license", default="apache-2.0")
    parser.add_argument("--card", type=Path, help="a text on what it was trained on and is good for, put into the file")


def run(options: argparse.Namespace) -> None:
    base = gguf.GGUFReader(options.base)
    architecture = text(base, "general.architecture")
    adapter = Adapter.load(options.adapter, architecture, heads(base, architecture))
    part = options.out.with_suffix(".part")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(part, architecture)
    describe(writer, options)
    kind = TYPES[options.type]
    if options.merge:
        copy_metadata(writer, base)
        add_merged(writer, base, adapter, kind)
    else:
        add_adapter(writer, adapter, kind)
        if (options.adapter / HEAD).exists():
            add_head(writer, options.adapter)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(options.out)
    Log(options.out.with_suffix(".log")).write(
        "exported", options=vars(options), bytes=options.out.stat().st_size, sha256=digest(options.out)
    )


def text(reader: gguf.GGUFReader, key: str) -> str:
    return reader.fields[key].contents()


def heads(reader: gguf.GGUFReader, architecture: str) -> tuple[int, int]:
    """Attention heads, and key-value heads."""
    count = reader.fields[f"{architecture}.attention.head_count"].contents()
    found = reader.fields.get(f"{architecture}.attention.head_count_kv")
    return count, found.contents() if found else count


@dataclass
class Map:
    """LoRA of one matrix: it adds `scale · b · a`."""

    a: np.ndarray
    b: np.ndarray


@dataclass
class Adapter:
    """By the GGUF names of the matrices that it changes."""

    maps: dict[str, Map]
    alpha: float
    rank: int

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    @staticmethod
    def load(folder: Path, architecture: str, heads: tuple[int, int]) -> Adapter:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        for unknown in ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save"):
            if config.get(unknown):
                raise ValueError(f"the adapter uses PEFT's {unknown}, which GGUF has no place for")
        tensors = load_file(folder / "adapter_model.safetensors")
        maps = {}
        for key in sorted(key for key in tensors if key.endswith("lora_A.weight")):
            layer, name = place(key)
            a, b = tensors[key], tensors[key.replace("lora_A", "lora_B")]
            if architecture in INTERLEAVED and name in ("attn_q", "attn_k"):
                b = interleave(b, heads[0] if name == "attn_q" else heads[1])
            maps[f"blk.{layer}.{name}.weight"] = Map(a.astype(np.float32), b.astype(np.float32))
        return Adapter(maps, float(config["lora_alpha"]), int(config["r"]))


def place(key: str) -> tuple[int, str]:
    """Layer and GGUF name of `base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight`."""
    layer, _, rest = key.partition(".layers.")[2].partition(".")
    return int(layer), NAMES[rest.removesuffix(".lora_A.weight")]


def interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    """Transformers rotates the first half of a head against the second, llama.cpp each row against the next: the rows
    i and i + half of a head come to stand side by side."""
    size = rows.shape[0] // heads
    return rows.reshape(heads, 2, size // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def describe(writer: gguf.GGUFWriter, options: argparse.Namespace) -> None:
    writer.add_name(options.name)
    writer.add_license(options.license)
    # Whoever adds the adapter can check that it is for this file.
    writer.add_string("lunette.base.file", options.base.name)
    writer.add_string("lunette.base.sha256", digest(options.base))
    if options.method:
        writer.add_string("lunette.judge.method", options.method)
    if options.card:
        writer.add_string("lunette.card", options.card.read_text(encoding="utf-8"))


def add_adapter(writer: gguf.GGUFWriter, adapter: Adapter, kind: gguf.GGMLQuantizationType) -> None:
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", adapter.alpha)
    for name, map in adapter.maps.items():
        add(writer, f"{name}.lora_a", map.a, kind)
        add(writer, f"{name}.lora_b", map.b, kind)


def add_head(writer: gguf.GGUFWriter, folder: Path) -> None:
    """`reward.N.weight`, its layers with ReLU between them, and `goal.NAME`, the states to come near to. Small, so in f32."""
    layers = [weights for _, weights in sorted(load_file(folder / HEAD).items())]
    writer.add_uint32("lunette.reward.layers", len(layers))
    for i, weights in enumerate(layers):
        add(writer, f"reward.{i}.weight", weights, TYPES["f32"])
    goals = load_file(folder / GOALS)
    for name, state in sorted(goals.items()):
        add(writer, f"goal.{name}", state[None], TYPES["f32"])


def add_merged(writer: gguf.GGUFWriter, base: gguf.GGUFReader, adapter: Adapter, kind: gguf.GGMLQuantizationType) -> None:
    """Matrices without LoRA keep their very bytes."""
    missing = set(adapter.maps) - {tensor.name for tensor in base.tensors}
    if missing:
        raise ValueError(f"the base lacks matrices that the adapter is for: {sorted(missing)[:3]}")
    for tensor in tqdm(base.tensors, desc="merging", unit="tensor"):
        map = adapter.maps.get(tensor.name)
        if map is None:
            # Of quantized data the shape is in bytes.
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        else:
            weights = gguf.dequantize(tensor.data, tensor.tensor_type) + adapter.scale * (map.b @ map.a)
            add(writer, tensor.name, weights, kind)


def add(writer: gguf.GGUFWriter, name: str, weights: np.ndarray, kind: gguf.GGMLQuantizationType) -> None:
    """Rows that do not fill the blocks of a type are F16, as llama.cpp has them too: the rank is seldom a multiple of 32."""
    block = gguf.GGML_QUANT_SIZES[kind][0]
    if weights.shape[-1] % block:
        kind = gguf.GGMLQuantizationType.F16
    writer.add_tensor(name, gguf.quantize(weights.astype(np.float32), kind), raw_dtype=kind)


def copy_metadata(writer: gguf.GGUFWriter, base: gguf.GGUFReader) -> None:
    for key, kind, sub, value in metadata(base):
        writer.add_key_value(key, value, kind, sub)


# Said anew, or by the writer itself.
OWN = ("general.architecture", "general.name", "general.license", "general.file_type")


def metadata(base: gguf.GGUFReader) -> Iterator[tuple[str, gguf.GGUFValueType, gguf.GGUFValueType | None, object]]:
    for key, field in base.fields.items():
        if not key.startswith("GGUF.") and key not in OWN:
            array = field.types[0] == gguf.GGUFValueType.ARRAY
            yield key, field.types[0], field.types[-1] if array else None, field.contents()
