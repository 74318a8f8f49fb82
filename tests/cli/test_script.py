"""`python -m autonet run`: Keras scripts, unchanged."""

import subprocess
import sys
import textwrap

import pytest

MODEL = """
    model = {keras}.Sequential([{layers}.Input((4,)), {layers}.Dense(3, activation="relu"), {layers}.Dense(1)])
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(np.ones((20, 4)), np.ones(20), epochs=1, verbose=0)
    print(type(model).__module__.split(".")[0], model.predict(np.ones((2, 4)), verbose=0).shape)
"""
SCRIPTS = {
    "import keras": ("import keras", "keras", "keras.layers"),
    "from keras import": ("import keras\nfrom keras import layers, models", "models", "layers"),
    "from keras.x import": (
        "import keras.layers as L\nfrom keras.models import Sequential\nfrom keras.layers import Dense\nimport keras",
        "keras.models",
        "L",
    ),
    "tensorflow": (
        "import tensorflow as tf\nfrom tensorflow import keras\nfrom tensorflow.keras import layers",
        "tf.keras",
        "layers",
    ),
    "tensorflow.keras": (
        "from tensorflow.keras.models import Sequential\nimport tensorflow.keras as k",
        "k",
        "k.layers",
    ),
}


def run(tmp_path, text, *arguments):
    script = tmp_path / "script.py"
    script.write_text("import numpy as np\n" + textwrap.dedent(text))
    command = [sys.executable, "-m", "autonet", "run", str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs(name, tmp_path):
    imports, keras, layers = SCRIPTS[name]
    answer = run(tmp_path, imports + textwrap.dedent(MODEL.format(keras=keras, layers=layers)))
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "autonet (2, 1)\n"


def test_it_receives_its_arguments_and_is_main(tmp_path):
    answer = run(tmp_path, "import sys\nprint(sys.argv[1:], __name__)", "--epochs", "3")
    assert answer.stdout == "['--epochs', '3'] __main__\n"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("import keras\nkeras.layers.NoSuchLayer", "keras.layers.NoSuchLayer"),
        ("from keras.layers import NoSuchLayer", "NoSuchLayer"),
        ("import keras.nothing", "keras.nothing"),
        ("import tensorflow as tf\ntf.constant(1)", "tensorflow.constant"),
        ("from tensorflow.data import Dataset", "tensorflow.data"),
    ],
)
def test_what_is_missing_is_named(text, named, tmp_path):
    answer = run(tmp_path, text)
    assert answer.returncode == 1
    assert named in answer.stderr.splitlines()[-1]


def test_a_script_that_is_not_there():
    answer = subprocess.run([sys.executable, "-m", "autonet", "run", "nowhere.py"], capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr == "python -m autonet run: there is no file 'nowhere.py'.\n"


def test_the_imports_are_put_back():
    from autonet.cli import script

    before = list(sys.meta_path), {k for k in sys.modules if k.startswith(("keras", "tensorflow"))}
    assert script.run([]) == 2
    assert (list(sys.meta_path), {k for k in sys.modules if k.startswith(("keras", "tensorflow"))}) == before
