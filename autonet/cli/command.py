"""The command line: which command is asked for, and how mistakes are answered: one line, exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from autonet.cli.options import PROG, parser
from autonet.errors import AutonetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 2 after a mistake, 130 after Ctrl-C, 1 if nobody reads on."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["run"]:
        from autonet.cli import script

        return script.run(words[1:])
    if words[:1] == ["predict"]:
        from autonet.cli import predict

        return answer(lambda: predict.run(words[1:]))
    options = parser().parse_args(arguments)
    from autonet.cli.job import run

    return answer(lambda: run(options))


def answer(job: Callable[[], int | None]) -> int:
    """Do the job; returns the exit code, with one line on what went wrong."""
    try:
        code = job()
        if sys.stdout is not None:
            sys.stdout.flush()
    except AutonetError as problem:
        return refuse(" ".join(str(problem).split()))
    except MemoryError as problem:
        return refuse(f"there is not enough memory ({problem}). Choose smaller --layers, or fewer rows.")
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still in the buffer would fail once more
        if isinstance(problem, BrokenPipeError):  # as after `| head`
            return 1
        return refuse(f"the report cannot be written ({problem.strerror}).")
    except KeyboardInterrupt:
        print(f"{PROG}: interrupted.", file=sys.stderr)
        return 130
    return code or 0


def refuse(message: str) -> int:
    """Say in one line what is wrong; returns the exit code."""
    print(f"{PROG}: {message}", file=sys.stderr)
    return 2
