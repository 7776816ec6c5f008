"""The pose network: weights, conversion, a backend for OpenVINO and one for PyTorch."""
