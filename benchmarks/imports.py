"""What importing costs on top of NumPy, and what the package weighs.

    python benchmarks/imports.py [--rounds 9]

Every figure is the median of fresh interpreters, after NumPy has been imported, with bytecode as pip leaves it. The wheel
is made by `pip wheel`, which needs setuptools at hand or a package index.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import ROOT, machine

USES = {
    "import autonet": "",
    "... and a Tensor": "autonet.Tensor",
    "... and ops": "autonet.ops",
    "... and Sequential, layers": "autonet.Sequential, autonet.layers",
    "... and every package": "[getattr(autonet, name) for name in autonet.__all__]",
}
CODE = "import time, numpy; start = time.perf_counter(); import autonet; {use}; print(time.perf_counter() - start)"


def seconds(use: str, bytecode: str) -> float:
    """Of one fresh interpreter, which keeps its bytecode in the folder `bytecode`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    answer = subprocess.run(
        [sys.executable, "-c", CODE.format(use=use or "pass")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(answer.stdout)


def wheel_bytes() -> int | None:
    """Size of a wheel built from a copy of the checkout; None if it cannot be built here."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.mkdir()
        shutil.copytree(ROOT / "autonet", source / "autonet", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source / name)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(source)]
        if subprocess.run(command, capture_output=True).returncode:
            return None
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.stat().st_size


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as bytecode:
        for title, use in USES.items():
            seconds(use, bytecode)  # compiles what is not compiled yet
            times = [1000 * seconds(use, bytecode) for _ in range(options.rounds)]
            print(
                f"{title:<28}{statistics.median(times):>7.1f} ms   ({min(times):.1f} to {max(times):.1f})", flush=True
            )
    size = wheel_bytes()
    print(f"{'wheel':<28}{'-' if size is None else f'{size / 1000:>7.1f} KB'}")


if __name__ == "__main__":
    main()
