"""Floor 8: the command line. `python -m autonet` trains a classifier and says how well it does."""

from autonet.cli.options import main as main
