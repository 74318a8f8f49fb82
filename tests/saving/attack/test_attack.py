"""Hostile files end in a documented error: nothing is run, imported, or opened besides, and little memory and time goes."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.saving.attack import archives, configurations, documents

VICTIM = pathlib.Path(__file__).with_name("victim.py")
MEMORY, SECONDS = 128 << 20, 5

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the victim counts files and memory as Linux does"
)


def run(folder, **environment):
    """What came of each file in a folder, by name."""
    environment = {**os.environ, "ATTACK_SECONDS": "10", **environment}
    done = subprocess.run([sys.executable, VICTIM, folder], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"]: row for row in rows}


def harm(row, path):
    """What a file did that no file may, in words."""
    if row["outcome"] not in ("documented", "loaded"):
        return f"{row['outcome']}: {row['said']}"
    for event, arguments in row["events"]:
        if event != "open" or arguments[0] not in (repr(str(path)), repr(path)) or arguments[1] not in ("'r'", "'rb'"):
            return f"event {event} {arguments}"
    if len(row["events"]) > 1:
        return "it was opened twice"
    if row["memory"] > MEMORY:
        return f"{row['memory'] >> 20} MiB of memory"
    if row["seconds"] > SECONDS:
        return f"{row['seconds']:.1f} s"
    return f"changed {row['changed']}" if row["changed"] else None


# Sound but strange: these may be loaded.
STRANGE = (
    "model-mutation",
    "skip-flip",
    "model-size",
    "model-graph",
    "json-zsound",
    "model-keras-flipped",
    "model-built",
    "model-document-sound",
    "model-document-mutation",
)
STRANGE += (
    "model-keras-comment",
    "model-keras-weights-attributes",
    "model-keras-weights-userblock",
    "model-keras-weights-wide",
)
STRANGE += (
    "weights-h5-attributes",
    "weights-h5-wide",
    "weights-keras-weights-attributes",
    "weights-keras-weights-userblock",
)
STRANGE += ("weights-keras-weights-wide", "model-keras-config")
STRANGE += ("model-file-sound", "weights-file-sound", "model-file-described")
STRANGE += tuple(
    f"{start}-{kind}"
    for start in ("weights-h5", "model-keras-weights", "weights-keras-weights", "model-file-weights")
    for kind in ("chunked", "gzip", "shuffled", "summed", "growing")
)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Files that are thrown away need not reach the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def attacked(files, tmp_path):
    """Write the files, load them all, and say what was harmed."""
    folder, work = tmp_path / "files", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    count = 0
    for name, content in files(work):
        assert not (folder / name).exists(), f"two files are called {name}"
        (folder / name).write_bytes(content)
        count += 1
    rows = run(folder)
    assert len(rows) == count
    harmed = {name: what for name, row in rows.items() if (what := harm(row, folder / name))}
    assert not harmed
    loaded = [name for name, row in rows.items() if row["outcome"] == "loaded" and not name.startswith(STRANGE)]
    assert not loaded
    return rows


def test_containers(tmp_path):
    assert len(attacked(archives.containers, tmp_path)) > 80


def test_arrays(tmp_path):
    assert len(attacked(archives.arrays, tmp_path)) > 90


def test_texts(tmp_path):
    assert len(attacked(archives.texts, tmp_path)) > 90


def test_documents(tmp_path):
    rows = attacked(documents.files, tmp_path)
    assert len(rows) > 400
    assert all(row["outcome"] == "loaded" for name, row in rows.items() if name.startswith("model-document-sound"))
    assert 10 < sum(row["outcome"] == "loaded" for row in rows.values()) < 100


def test_configurations(tmp_path):
    rows = attacked(configurations.files, tmp_path)
    assert len(rows) > 1000
    assert sum(row["outcome"] == "loaded" for name, row in rows.items() if name.startswith("json-zsound")) >= 4
    told = " ".join(row["said"] or "" for name, row in rows.items() if name.startswith("model-call"))
    assert (
        "Unknown class: 'system'" in told
        and "Unknown function: 'os.system'" in told
        and "never the path of a file" in told
    )


@pytest.mark.extra("keras")
def test_model_files(tmp_path):
    from tests.saving.attack import model_files

    rows = attacked(model_files.files, tmp_path)
    assert len(rows) > 200
    assert all(row["outcome"] == "loaded" for name, row in rows.items() if name.endswith("file-sound"))


@pytest.mark.extra("keras")
def test_keras_files(tmp_path):
    from tests.saving.attack import hdf5_files

    rows = attacked(hdf5_files.files, tmp_path)
    assert len(rows) > 700
    for name in (
        "external-link-pipe",
        "virtual-pipe",
        "external-storage-pipe",
        "soft-link",
        "cycle",
        "bomb-chunked",
        "references",
    ):
        assert rows[f"weights-h5-{name}"]["outcome"] == "documented"


def test_the_victim_notices(tmp_path):
    """What the tests above could miss if the victim did not tell."""
    from tests.saving.attack import victim_controls

    for name in victim_controls.NAMES:
        (tmp_path / f"control-{name}").write_bytes(b"x")
    rows = run(tmp_path, ATTACK_SECONDS="2")
    told = {name.partition("-")[2]: harm(row, tmp_path / name) for name, row in rows.items()}
    assert {name for name, what in told.items() if what is None} == {"nothing"}
    for name, what in victim_controls.NAMES.items():
        assert what is None or what in told[name], (name, told[name])
