"""`python -m autonet run`: Keras scripts, unchanged."""

import pathlib
import re
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


STYLES = [p.stem for p in sorted((pathlib.Path(__file__).parent / "scripts").glob("*.py")) if p.stem != "helper"]
LAST = {  # line that a script prints
    "names_from_keras": " Optimizer params: 149 (600.00 B)",
    "tf_dot_keras": "(5, 10)",
    "functional_with_backend": "(32, 8) float32 1e-07",
    "subclasses": "my_model 147",
    "custom_steps": "0.89999",
    "preprocessing": "[[0, 0, 1, 2], [0, 0, 0, 3]]",
    "guarded_with_arguments": "somebody ['--epochs', '2', 'somebody'] float32 True",
    "words_to_labels": "(40, 1)",
    "autoencoder": "(3, 12) (1, 12)",
    "star_and_generators": "3 31 float32",
}


@pytest.mark.parametrize("name", STYLES)
def test_scripts_of_many_styles(name, tmp_path, monkeypatch, capsys):
    """Whole scripts, as they would be written for Keras; each checks itself as it goes."""
    from autonet.cli import script

    monkeypatch.chdir(tmp_path)
    arguments = ["--epochs", "2", "somebody"] if name.startswith("guarded") else []
    path, argv = list(sys.path), list(sys.argv)
    try:
        code = script.run([str(pathlib.Path(__file__).parent / "scripts" / f"{name}.py"), *arguments])
    except SystemExit as exit:
        code = exit.code
    assert code == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(LAST[name])
    assert (sys.path, sys.argv) == (path, argv)
    assert not [m for m in sys.modules if m.split(".")[0] == "tensorflow"]


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
        ("import tensorflow as tf\nwith tf.GradientTape() as tape: pass", "tensorflow.GradientTape"),
        ("from tensorflow.keras.applications import Xception", "Xception"),
        ("from tensorflow.keras.applications.xception import Xception", "tensorflow.keras.applications.xception"),
        ("import keras\nkeras.layers.MelSpectrogram()", "keras.layers.MelSpectrogram"),
        ("from keras.callbacks import RemoteMonitor", "keras.callbacks.RemoteMonitor"),
        ("from keras.preprocessing.text import Tokenizer", "keras.preprocessing.text"),
        ("import tensorflow.compat.v1 as tf", "tensorflow.compat"),
        ("import keras_tuner", "keras_tuner"),
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


OLD = """
from keras.layers.core import Dense
import keras
keras.utils.np_utils.to_categorical([0, 1])
keras.optimizers.adam(lr=0.1)
from keras.layers import merge

def last():
    keras.layers.MaxoutDense(3)

last()
"""


def test_warnings_and_tracebacks_show_the_script_alone(tmp_path):
    answer = run(tmp_path, OLD)
    warned = [line for line in answer.stderr.splitlines() if "LegacyWarning" in line]
    lines = [re.search(r"script\.py:(\d+): ", line) for line in warned]
    assert [int(line[1]) for line in lines] == [3, 5, 6, 6, 7]
    frames = re.findall(r'File "(.*)", line (\d+)', answer.stderr)
    assert [(pathlib.Path(file).name, int(line)) for file, line in frames] == [("script.py", 12), ("script.py", 10)]
    assert answer.stderr.splitlines()[-1].endswith("write Dense, Reshape and ops.max.")


@pytest.mark.parametrize("text", ["1 / 0", "import keras.nothing", "import numpy, keras\nkeras.layers.Dense(-1)"])
def test_tracebacks_begin_with_the_script(text, tmp_path):
    frames = re.findall(r'File "(.*)", line', run(tmp_path, text).stderr)
    assert [pathlib.Path(file).name for file in frames] == ["script.py"]
