"""Libraries that run the network: PyTorch and ONNX Runtime."""
