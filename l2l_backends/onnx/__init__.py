"""The ONNX engine: networks as graphs of a standard format, and ONNX Runtime that predicts."""
