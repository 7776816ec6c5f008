"""From packets to frames: containers, sampling, lazy decoding, frame selection, preprocessing."""
