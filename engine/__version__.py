"""The version, alone, so that `capctl --version` reads nothing else."""

__version__ = "0.1.0"
