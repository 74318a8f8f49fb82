"""The C back end: a program as one translation unit over the NumPy plan's buffers.

plan.py        the unit, compiled, loaded and run
expressions.py one element of a pointwise primitive
loops.py       fused loops
kernels.py     products, softmax, draws, convolutions, pooling, gathers
windows.py     sequences as images, means of windows
copies.py      strided copies, joins
sampling.py    images at places between pixels
attention.py   scaled dot-product attention
recurrent.py   recurrent scans
parameters.py  sizes and numbers taken out of the text, so that shapes share compiled code
runtime/       C sources to loaded functions: the toolchain, a cache, threads, products, convolutions
"""
