"""The NumPy back end: a program as straight Python over buffers that are made once.

plan.py        the generated function, and what runs it
writer.py      collects its lines and the objects that they name
kernels.py     elementwise operations, products, reductions, gathers
nn.py          softmax, cross-entropies, normalisation along an axis, dropout
blocks.py      cache-sized blocks: batch normalisation, convolution, pooling
"""
