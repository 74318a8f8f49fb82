"""Floor 4: what a function or model computes, as a file that runs without Python: ONNX (extra `onnx`), or C.

    model.export("m.onnx")
    autonet.export(f, "f.onnx", input_signature=[InputSpec(shape=(None, 4))])

Exported is the recorded program of primitives, so no layer has a form of its own here: `recording` records the function at
two batch sizes and tells what depends on them, `operators`, `lookups` and `networks` have the nodes for each primitive, `graph`
gathers them, and `annexes/onnx_file` writes the file. C is written by `c`, `c_loops` and `c_sequences`.
"""

from autonet.exporting.function import export as export
