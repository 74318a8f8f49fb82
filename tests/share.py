"""How many examples a test draws that is dearer or cheaper than others: a share of what the profile in force draws."""

from hypothesis import settings


def share(part, **more):
    """Settings with `part` (1 is all) of the profile's examples, one at least."""
    return settings(max_examples=max(1, round(part * settings.default.max_examples)), **more)
