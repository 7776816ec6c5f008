"""Packets to frames: containers, sampling, lazy decoding, choice of frames, shrinking."""
