"""Small real and practice data with provenance, and the script that rebuilds it."""

from pathlib import Path


def folder() -> Path:
    """Return the folder that holds the sample files."""
    return Path(__file__).resolve().parent
