"""What needs the extra `onnx`."""
