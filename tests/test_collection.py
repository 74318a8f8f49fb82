"""Tests have names that stay: whoever reruns one, or shares them out to processes, finds it by its name."""

import re
import tempfile


def test_names_hold_no_addresses_and_no_temporary_folders(request):
    passing = re.compile(rf" at 0x[0-9a-f]|{re.escape(tempfile.gettempdir())}/")
    assert [item.nodeid for item in request.session.items if passing.search(item.nodeid)] == []
