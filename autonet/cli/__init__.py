"""Floor 8: the command line. `python -m autonet` trains a classifier and says how well it does."""

from autonet.cli.command import main as main
