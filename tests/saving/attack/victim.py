"""Loads hostile files under an audit hook: python victim.py <folder>, from the top of the repository.

For each file, in a child of its own, it says as a line of JSON what came of it: the exception, what the interpreter was
asked to do meanwhile (opened files, imports, code, sockets, ...), the memory and the time it took.
"""

import json
import os
import pathlib
import resource
import signal
import sys
import time
import warnings
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))

import numpy as np

import autonet as keras
from autonet.random import seeds
from autonet.saving import keras_files

del keras_files  # what a reader of Keras's files needs is there before anything is looked at

SECONDS = int(os.environ.get("ATTACK_SECONDS", "10"))  # of the processor
PATIENCE = 5 * SECONDS  # of the clock: others may be at work too
ROOM = 4 << 30  # address space

# What looking into objects and saying warnings does; nothing else may happen.
HARMLESS = {
    "builtins.id",
    "object.__getattr__",
    "object.__setattr__",
    "sys._getframe",
    "sys._getframemodulename",
    "cpython._PySys_ClearAuditHooks",
}

events = None


def hook(event, arguments):
    if events is not None and event not in HARMLESS:
        events.append((event, [repr(a)[:200] for a in arguments]))


def load(path):
    """The entrance that a file's name asks for."""
    entrance = path.name.partition("-")[0]
    if entrance == "json":
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        return lambda: keras.models.model_from_json(text)
    if entrance == "weights":
        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
        model.compile("adam", "mse")
        return lambda: model.load_weights(path)
    if entrance == "skip":
        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
        return lambda: model.load_weights(path, skip_mismatch=True)
    if entrance == "control":
        return lambda: CONTROLS[path.name.partition("-")[2]](path)
    return lambda: keras.saving.load_model(path)


CONTROLS = {  # what must be noticed
    "nothing": lambda path: path.open("rb").close(),
    "import": lambda path: __import__("antigravity_of_nobody"),
    "exec": lambda path: exec("1"),
    "system": lambda path: os.system("true"),
    "second": lambda path: (path.open("rb").close(), open(__file__).close()),
    "other": lambda path: open(__file__).close(),
    "socket": lambda path: __import__("socket").socket(),
    "write": lambda path: path.open("ab").close(),
    "memory": lambda path: len(b"x" * (400 << 20)),
    "sleep": lambda path: time.sleep(PATIENCE + 5),
    "crash": lambda path: os.kill(os.getpid(), signal.SIGSEGV),
    "error": lambda path: [][1],
    "setting": lambda path: keras.config.set_floatx("float64"),
    "seed": lambda path: keras.utils.set_random_seed(3),
    "leak": lambda path: os.open(path, os.O_RDONLY),
}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def settings():
    """What no file may change."""
    return [
        keras.config.floatx(),
        keras.config.epsilon(),
        sorted(keras.saving.get_custom_objects()),
        seeds.get_stream(),
        seeds.global_generator().state.numpy().tolist(),
        np.geterr(),
        os.getcwd(),
        dict(os.environ),
        len(os.listdir("/proc/self/fd")),
    ]


def attack(path):
    global events
    action = load(path)
    before, start, known = peak(), time.process_time(), settings()
    events = []
    kind = said = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            action()
        except BaseException as error:
            kind = "documented" if isinstance(error, keras.errors.AutonetError) else "other"
            said = f"{type(error).__name__}: {error}"
    happened, events = events, None
    return {
        "name": path.name,
        "outcome": kind or "loaded",
        "said": said and said[:300],
        "events": happened,
        "seconds": time.process_time() - start,
        "memory": peak() - before,
        "changed": [a for a, b in zip(settings(), known, strict=True) if a != b] if path.name[:4] != "json" else [],
    }


def child(paths, pipe):
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    for path in paths:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(PATIENCE)
        try:
            told = attack(path)
        except BaseException as error:
            told = {"name": path.name, "outcome": "broken", "said": repr(error)}
        os.write(pipe, json.dumps(told).encode()[:60000] + b"\n")
    os._exit(0)


def main():
    warm_up()
    sys.addaudithook(hook)
    paths = sorted(pathlib.Path(sys.argv[1]).iterdir())
    while paths:  # one child after another, as often as one is killed
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            child(paths, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            told = pipe.read().decode()
        print(told, end="", flush=True)
        _, status = os.waitpid(process, 0)
        paths = paths[told.count("\n") :]
        if paths:
            name, signalled = paths.pop(0).name, os.WTERMSIG(status)
            print(json.dumps({"name": name, "outcome": "killed", "said": f"by signal {signalled}"}), flush=True)


def warm_up():
    """What Python and NumPy do once, such as importing parts of themselves, is done before the hook listens."""
    folder = pathlib.Path(sys.argv[1])
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))

    def as_keras(path):
        model.save(path)
        with zipfile.ZipFile(path) as zipped:
            parts = {name: zipped.read(name) for name in zipped.namelist() if name != "autonet.json"}
        with zipfile.ZipFile(path, "w") as zipped:
            for name, content in parts.items():
                zipped.writestr(name, content)

    writers = {
        "warm.keras": lambda p: model.save(p),
        "warm2.keras": as_keras,
        "warm.weights": lambda p: model.save_weights(p),
        "warm.weights.h5": lambda p: model.save_weights(p),
    }
    for name, write in writers.items():
        path = folder.parent / name
        write(path)
        load = keras.saving.load_model if name.endswith(".keras") else model.load_weights
        load(path)
        path.write_bytes(path.read_bytes()[:-100])
        for bad in (path, folder.parent / "none"):
            try:
                load(bad)
            except keras.errors.AutonetError:
                pass
        path.unlink()
    try:
        keras.models.model_from_json('{"class_name": "Dens", "config": {}, "module": "keras.layers"}')
    except keras.errors.AutonetError:
        pass


if __name__ == "__main__":
    main()
