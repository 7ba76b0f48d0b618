"""The base model, with or without an adapter, and what it predicts at some places of a pack."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, GgufConfig, PreTrainedModel

from . import attention
from .packing import Pack

# The linear maps of a layer, by PEFT's names.
MAPS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision() -> torch.dtype:
    """bfloat16 where the machine multiplies it fast; a CPU without AMX or AVX-512 BF16 takes four times as long for it as for
    float32."""
    fast = torch.cuda.is_available() or torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def base(path: Path, attends: str = attention.NAME) -> PreTrainedModel:
    """From a GGUF file or a folder of Transformers', with its weights dequantized. It takes packs, unless `attends` names an
    attention of Transformers' own."""
    more = {"dtype": precision(), "attn_implementation": attends}
    if path.is_dir():
        model = AutoModelForCausalLM.from_pretrained(path, **more)
    else:
        # Without `dequantize` the weights stay packed and every product unpacks them again.
        model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, quantization_config=GgufConfig(dequantize=True), **more
        )
        # The weights are plain now; what remains of the quantizer would keep Trainer from training.
        for name in ("hf_quantizer", "quantization_method"):
            if hasattr(model, name):
                delattr(model, name)
        model.is_quantized = False
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
    model.config.use_cache = False
    return model.to(device())


def with_new_adapter(model: PreTrainedModel, rank: int, alpha: int, upper: float, seed: int) -> PeftModel:
    """LoRA on all linear maps of the upper part of the layers. Below the lowest of these no gradient is computed."""
    torch.manual_seed(seed)
    layers = model.config.num_hidden_layers
    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules=MAPS, lora_dropout=0.0, task_type="CAUSAL_LM",
        layers_to_transform=list(range(round(layers * (1 - upper)), layers)),
    )  # fmt: skip
    return get_peft_model(model, config)


def with_adapter(model: PreTrainedModel, folder: Path, trainable: bool = False) -> PeftModel:
    return PeftModel.from_pretrained(model, folder, is_trainable=trainable)


def inputs(pack: Pack, keep: list[int]) -> dict:
    """What the model takes of a pack; logits come for the places `keep` alone, since a vocabulary is wide."""
    return {
        "input_ids": torch.tensor([pack.ids]),
        "position_ids": torch.tensor([pack.positions]),
        "logits_to_keep": torch.tensor(keep),
        "runs": pack.runs(),
    }


def on_device(given: dict) -> dict:
    return {name: value.to(device()) if torch.is_tensor(value) else value for name, value in given.items()}


@torch.inference_mode()
def log_probabilities(model: torch.nn.Module, pack: Pack, keep: list[int]) -> torch.Tensor:
    """[len(keep), vocabulary]."""
    return model(**on_device(inputs(pack, keep))).logits[0].float().log_softmax(-1)
