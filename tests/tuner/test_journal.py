"""Journal: what was finished stays, whatever ended the search; another search's journal is refused."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import tuner
from autonet.errors import DataError
from autonet.tuner.journal import Journal
from tests.tuner.objectives import SPACE, key, smooth

SCRIPT = """
import sys
from autonet import tuner
from tests.tuner.objectives import SPACE, key, slow

if __name__ == "__main__":
    method, workers, processes, journal = sys.argv[1:]
    result = tuner.search(
        slow, SPACE, method, trials=9, seed=3, workers=int(workers), processes=processes == "True", journal=journal, verbose=0
    )
    print(key(result))
"""


def objective(trial):
    return smooth(trial)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
@pytest.mark.parametrize(
    ("method", "workers", "processes"), [("random", 1, False), ("coarse_to_fine", 2, False), ("halving", 2, True)]
)
def test_a_search_that_is_killed_goes_on(method, workers, processes, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    journal = tmp_path / "search.jsonl"
    command = [sys.executable, str(script), method, str(workers), str(processes), str(journal)]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = {**os.environ, "PYTHONPATH": root}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while (not journal.exists() or journal.read_bytes().count(b"\n") < 4) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = journal.read_bytes()
    done = kept[: kept.rfind(b"\n") + 1].count(b"\n") - 1
    assert 3 <= done < 9
    while processes and time.monotonic() < deadline:  # its workers follow it
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        assert not processes
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(key(tuner.search(smooth, SPACE, method, trials=9, seed=3, verbose=0)))
    assert journal.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])


@given(
    cut=st.integers(1, 2000),
    more=st.sampled_from(
        [b"", b"\0\0\0", b"\0\0\n", b'{"number": 1'],
    ),
)
def test_a_torn_end_is_dropped(cut, more, tmp_path_factory):
    path = tmp_path_factory.mktemp("torn") / "j"
    whole = tuner.search(objective, SPACE, trials=6, seed=3, verbose=0, journal=path)
    text = path.read_bytes()
    lines = text[:cut].count(b"\n")
    torn = text[:cut] + (more if lines else b"")
    path.write_bytes(torn)
    assert key(tuner.search(objective, SPACE, trials=6, seed=3, verbose=0, journal=path)) == key(whole)
    assert path.read_bytes().count(b"\n") == 7
    assert [line for line in path.read_bytes().split(b"\n") if line][:lines] == text.split(b"\n")[:lines]


def test_scores_of_every_kind_come_back(tmp_path):
    scores = [1.5, float("nan"), float("inf"), -float("inf"), 1e-300, 3]

    def objective(trial):
        for s in scores:
            trial.report(s)
        return scores[trial.number]

    first = tuner.search(objective, SPACE, trials=6, seed=1, verbose=0, journal=tmp_path / "j")
    again = tuner.search(None or objective, SPACE, trials=6, seed=1, verbose=0, journal=tmp_path / "j")
    assert repr(key(first)) == repr(key(again))
    assert [o.seconds for o in first.outcomes] == [o.seconds for o in again.outcomes]
    for line in (tmp_path / "j").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_search_can_be_made_longer(tmp_path):
    tuner.search(objective, SPACE, trials=3, seed=3, verbose=0, journal=tmp_path / "j")
    longer = tuner.search(objective, SPACE, trials=6, seed=3, verbose=0, journal=tmp_path / "j")
    assert key(longer) == key(tuner.search(objective, SPACE, trials=6, seed=3, verbose=0))


def test_without_a_seed_it_goes_on_with_the_journals(tmp_path):
    first = tuner.search(objective, SPACE, trials=3, verbose=0, journal=tmp_path / "j")
    again = tuner.search(objective, SPACE, trials=3, verbose=0, journal=tmp_path / "j")
    assert key(again) == key(first) and again.seed == first.seed


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"seed": 4}, "seed"),
        ({"method": "halving"}, "method"),
        ({"method": tuner.CoarseToFine(shrink=0.4)}, "method"),
        ({"trials": 12}, "method"),
        ({"mode": "min"}, "mode"),
        ({"space": {**SPACE.scales, "rate": tuner.Log(1e-4, 1)}}, "space"),
        ({"space": {**SPACE.scales, "more": tuner.Uniform(0, 1)}}, "space"),
    ],
)
def test_another_search_is_refused(options, name, tmp_path):
    usual = {
        "space": SPACE,
        "method": "coarse_to_fine",
        "trials": 6,
        "seed": 3,
        "verbose": 0,
        "journal": tmp_path / "j",
    }
    tuner.search(objective, **usual)
    text = (tmp_path / "j").read_bytes()
    with pytest.raises(DataError, match=f"journal of another search: its {name} is"):
        tuner.search(objective, **{**usual, **options})
    assert (tmp_path / "j").read_bytes() == text


@pytest.mark.parametrize("text", [b"important\n", b"important", b"\n", b'{"journal": "other"}\n', b'{"a": 1}\n'])
def test_another_file_is_left_alone(text, tmp_path):
    (tmp_path / "j").write_bytes(text)
    with pytest.raises(DataError):
        tuner.search(objective, SPACE, trials=2, verbose=0, journal=tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == text


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"number": 0}', '{"number": "0", "parameters": {}, "score": 1, "reports": []}', "null"]
)
def test_a_damaged_line_is_told(line, tmp_path):
    tuner.search(objective, SPACE, trials=3, seed=3, verbose=0, journal=tmp_path / "j")
    lines = (tmp_path / "j").read_text().splitlines()
    lines[2] = line
    (tmp_path / "j").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="line 3"):
        tuner.search(objective, SPACE, trials=3, seed=3, verbose=0, journal=tmp_path / "j")


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
def test_one_search_at_a_time(tmp_path):
    journal = Journal(tmp_path / "j", {"seed": 1}, SPACE)
    with pytest.raises(DataError, match="running now"):
        Journal(tmp_path / "j", {"seed": 1}, SPACE)
    journal.close()
    Journal(tmp_path / "j", {"seed": 1}, SPACE).close()
