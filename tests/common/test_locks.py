import os
import threading

import pytest

from autonet.common.locks import lock


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_finds_it_open():
    held, go = lock(), threading.Event()

    def hold():
        with held:
            taken.set()
            go.wait()

    taken = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    child = os.fork()
    if not child:
        os._exit(0 if held.acquire(timeout=5) else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
        assert not held.acquire(blocking=False)
    finally:
        go.set()
        thread.join()
