"""Time to learn the words of texts and to turn the texts into rows of numbers, beside scikit-learn (extra `bench`).

    AUTONET_HOME=... python benchmarks/texts.py [count] [multi_hot] [tf_idf] [int] [ngrams] [--rounds 3]

The texts are the 25,000 reviews of IMDB's training part (`imdb_train.jsonl.xz` in the folder `datasets` under `AUTONET_HOME`);
the vocabulary has 20,000 entries. `TextVectorization` adapts to them and then fills dense float32 rows, batch by batch of
256, each thrown away before the next (all of them would be 2 GB). `CountVectorizer` and `TfidfVectorizer` do `fit` and
`transform` in one, `fit_transform`, and give sparse rows, which is their best case. The mode "int" (rows of 200 places) has no
counterpart: it stands beside counting. "ngrams" is counting of words and pairs of words.

Every library works in a process of its own, one at a time, in turn; the first turn is warm-up. Printed: seconds, the median
with its quartiles, and the ratio to scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import compare, machine, serve, worker_arguments

MOST, BATCH, LENGTH = 20_000, 256, 200
TASKS = {
    "count": "how often each word occurs",
    "multi_hot": "which words occur",
    "tf_idf": "counts weighed by rarity",
    "int": "the first 200 words by their places",
    "ngrams": "how often each word and pair of words occurs",
}


def reviews() -> list[str]:
    """The texts."""
    folder = Path(os.environ.get("AUTONET_HOME", Path.home() / ".autonet")) / "datasets"
    with lzma.open(folder / "imdb_train.jsonl.xz", "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def make_autonet(task: str, texts: list[str]) -> Callable[[], Any]:
    """autonet: adapt, then rows."""
    from autonet.layers import TextVectorization

    options: dict[str, Any] = {"output_mode": "count" if task == "ngrams" else task}
    if task == "int":
        options["output_sequence_length"] = LENGTH
    if task == "ngrams":
        options["ngrams"] = 2
    array = np.array(texts, object)

    def run() -> None:
        layer = TextVectorization(max_tokens=MOST, **options)
        layer.adapt(texts)
        for i in range(0, len(array), BATCH):
            layer(array[i : i + BATCH])

    return run


def make_sklearn(task: str, texts: list[str]) -> Callable[[], Any]:
    """scikit-learn: fit_transform."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    def run() -> None:
        cls = TfidfVectorizer if task == "tf_idf" else CountVectorizer
        runs = (1, 2 if task == "ngrams" else 1)
        cls(max_features=MOST, ngram_range=runs, binary=task == "multi_hot").fit_transform(texts)

    return run


MAKERS = {"autonet": make_autonet, "sklearn": make_sklearn}


def make(name: str, task: str) -> tuple[dict, Callable[[], float]]:
    """A block is one run; its figure is seconds."""
    run = MAKERS[name](task, reviews())

    def block() -> float:
        begin = time.perf_counter()
        run()
        return time.perf_counter() - begin

    return {}, block


def report(results: dict[str, dict]) -> None:
    """Print one task's table."""
    peer = results.get("sklearn", {}).get("median")
    print(f"{'':<12}{'seconds':>10}{'quartiles':>18}{'to scikit-learn':>17}{'memory':>10}")
    for name, r in results.items():
        if "problem" in r:
            print(f"{name:<12}{'-':>10}  {r['problem']}")
            continue
        ratio = f"{r['median'] / peer:.2f}x" if peer else "-"
        spread = f"{r['low']:.2f} - {r['high']:.2f}"
        print(f"{name:<12}{r['median']:>10.2f}{spread:>18}{ratio:>17}{r['peak_mb']:>7,.0f} MB", flush=True)


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"{', '.join(TASKS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each")
    options = parser.parse_args()
    for task in options.tasks:
        if task not in TASKS:
            parser.error(f"unknown: {task!r}; known: {', '.join(TASKS)}")
    print(f"{machine()}; 25,000 reviews, {MOST:,} entries")
    for task in options.tasks or TASKS:
        print(f"\n{task}: {TASKS[task]}")
        report(compare(__file__, list(MAKERS), task, lambda name: sys.executable, options.rounds, 1))


if __name__ == "__main__":
    started = worker_arguments(sys.argv[1:])
    if started:
        serve(started[0], started[1], make)
    else:
        main()
