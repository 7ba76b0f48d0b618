"""Writes grids.bin: which points the grids of the IQ1, IQ2 and IQ3 types have, from llama.cpp's Python package.

    pip install gguf numpy && python grids.py ../../src/quant/grids.bin

Run by hand once; src/quant/grid.rs reads the file. A point is a number whose digits are the levels of its weights, the
first weight's the lowest: eight digits of base 3, or four of base 8. Grids are sorted by these numbers, so that a bit for
each number says everything.
"""

import sys

import numpy as np
from gguf import quants

with open(sys.argv[1], "wb") as file:
    for block_type in (quants.IQ1_S, quants.IQ2_XXS, quants.IQ2_XS, quants.IQ2_S, quants.IQ3_XXS, quants.IQ3_S):
        block_type.init_grid()
        levels = list(block_type.grid_map)
        base, digits = len(levels), block_type.grid_shape[1]
        points = block_type.grid.reshape(block_type.grid_shape).astype(int)
        numbers = sum(np.searchsorted(levels, points[:, i]) * base**i for i in range(digits))
        assert (np.diff(numbers) > 0).all()
        bits = np.zeros(base**digits, dtype=np.uint8)
        bits[numbers] = 1
        file.write(np.packbits(bits, bitorder="little").tobytes())
