"""Writes quantized.gguf: weights in f32, and the blocks that others make of them.

    pip install gguf numpy && python quantized.py path/to/libggml-base.so quantized.gguf

Q8_0 by llama.cpp's Python package, Q4_K and Q6_K by the reference quantizers of ggml's library (`cargo xtask golden` unpacks it
into ~/.cache/lunette/tools). Run by hand when a quantizer is added; tests/quant.rs reads the file.
"""

import ctypes
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T, GGUFWriter
from gguf.quants import quantize

BLOCK = 256
COUNT = 16

library, path = sys.argv[1:]
ggml = ctypes.CDLL(library)
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = [
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
]


def by_ggml(values, block_type):
    length, size = GGML_QUANT_SIZES[block_type]
    out = np.zeros(values.size // length * size, dtype=np.uint8)
    wrote = ggml.ggml_quantize_chunk(
        int(block_type), values.ctypes.data, out.ctypes.data, 0, 1, values.size, None
    )
    assert wrote == out.size
    return out.reshape(1, -1)


random = np.random.default_rng(2026)
shape = (COUNT, BLOCK)
# Weights as models have them; of very different sizes within a block; off their middle; and blocks that are special.
kinds = {
    "normal": random.normal(scale=0.02, size=shape),
    "uneven": random.normal(size=shape) * np.repeat(10.0 ** random.uniform(-4, 0, (COUNT, BLOCK // 16)), 16, axis=1),
    "shifted": random.normal(loc=0.03, scale=0.01, size=shape) * random.choice([-1, 1], (COUNT, 1)),
    "special": np.stack([
        np.zeros(BLOCK), np.full(BLOCK, 0.5), np.full(BLOCK, -0.5), np.eye(1, BLOCK, 7)[0],
        -np.eye(1, BLOCK, 40)[0], np.linspace(-1, 1, BLOCK), np.linspace(0.5, 1.5, BLOCK), np.linspace(-1.5, -0.5, BLOCK),
    ]),
}

writer = GGUFWriter(path, "quantized")
for kind, values in kinds.items():
    values = np.ascontiguousarray(values.reshape(-1), dtype=np.float32)
    writer.add_tensor(f"{kind}.values", values)
    writer.add_tensor(f"{kind}.Q8_0", quantize(values.reshape(1, -1), T.Q8_0), raw_dtype=T.Q8_0)
    for block_type in [T.Q4_K, T.Q6_K]:
        writer.add_tensor(f"{kind}.{block_type.name}", by_ggml(values, block_type), raw_dtype=block_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
