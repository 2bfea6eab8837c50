"""What runs the network: PyTorch, or ONNX Runtime. The localizer keeps the state and does not know which."""
