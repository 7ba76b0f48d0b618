"""Writes blocks.gguf: for each block type random blocks, and their values as llama.cpp's Python package reads them.

    pip install gguf numpy && python blocks.py blocks.gguf

Run by hand when a type is added; tests/quant.rs reads the file.
"""

import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T, GGUFWriter
from gguf.quants import dequantize

ELEMENTS = 1024

# Where a block keeps its scales, as halves: random bits there would be infinities too.
SCALES = {
    T.F32: [], T.F16: [0], T.BF16: [],
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
    T.IQ4_NL: [0], T.IQ4_XS: [0],
    T.IQ1_S: [0], T.IQ1_M: [], T.IQ2_XXS: [0], T.IQ2_XS: [0], T.IQ2_S: [0], T.IQ3_XXS: [0], T.IQ3_S: [0],
    T.TQ1_0: [52], T.TQ2_0: [64], T.MXFP4: [],
}

random = np.random.default_rng(2026)
writer = GGUFWriter(sys.argv[1], "blocks")
for block_type, scales in SCALES.items():
    length, size = GGML_QUANT_SIZES[block_type]
    count = ELEMENTS // length
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    if block_type == T.F32:
        blocks = random.normal(size=count).astype(np.float32).view(np.uint8).reshape(count, size)
    if block_type == T.BF16:
        blocks = (random.normal(size=count).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        blocks = blocks.view(np.uint8).reshape(count, size)
    if block_type == T.MXFP4:
        # Exponents of usual weights, and the least two, which are below the normal numbers.
        blocks[:, 0] = random.integers(110, 125, count)
        blocks[:2, 0] = [0, 1]
    if block_type == T.IQ1_M:
        # The upper four bits of four half words.
        halves = random.normal(scale=0.02, size=count).astype(np.float16).view(np.uint16)
        for i in range(4):
            blocks[:, 49 + 2 * i] = (blocks[:, 49 + 2 * i] & 15) | ((halves >> (4 * i) & 15) << 4).astype(np.uint8)
    for at in scales:
        half = random.normal(scale=0.02, size=count).astype(np.float16)
        blocks[:, at : at + 2] = half.view(np.uint8).reshape(count, 2)
    values = dequantize(blocks.reshape(1, -1), block_type).astype(np.float32)
    assert values.shape == (1, ELEMENTS) and np.isfinite(values).all()
    writer.add_tensor(f"{block_type.name}.blocks", blocks.reshape(1, -1), raw_dtype=block_type)
    writer.add_tensor(f"{block_type.name}.values", values[0])
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
