"""`python -m autonet`: train a classifier. `autonet.cli` does it."""

import sys

from autonet.cli import main

if __name__ == "__main__":
    sys.exit(main())
