import os
import random
import subprocess
import sys

import numpy as np

import autonet
from autonet.utils import set_random_seed


def test_one_seed_repeats_all_chance():
    def draw():
        set_random_seed(7)
        return autonet.random.normal((3,)).numpy().tolist(), np.random.rand(), random.random()

    assert draw() == draw()


FIRST = """
import numpy as np, autonet
def draw():
    autonet.utils.set_random_seed(3)
    return autonet.initializers.get("glorot_uniform")((4, 4)).numpy().tobytes()
print(draw() == draw() == draw())
"""


def test_the_first_seed_of_a_process_is_like_any_other():
    answer = subprocess.run(
        [sys.executable, "-c", FIRST],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (answer.stdout, answer.stderr) == ("True\n", "")
