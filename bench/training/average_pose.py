"""Averages the weights of two pose networks.

    python -m bench.training.average_pose official TRAINED.pt 0.5 OUT.pt

A network that was trained on rendered people sees more of a class, and guesses worse at real large
people; the mean of old and new weights keeps most of both (Wortsman et al., 2022).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cluster  # noqa: F401 (switches reports off)
from bench.training.network_file import average, read_network, write_network


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the average."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", help="A .pt file, or `official`.")
    parser.add_argument("second", help="A .pt file.")
    parser.add_argument("share", type=float, help="0 gives the first, 1 the second.")
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    network = average(read_network(options.first), read_network(options.second), options.share)
    write_network(network, options.out)


if __name__ == "__main__":
    main()
