"""The gradient checks see what is wrong: a rule with its sign flipped fails for every operand of every primitive."""

from autonet.core import PRIMITIVES
from tests.ops import mutants


def test_every_rule_with_its_sign_flipped_is_seen():
    made = [
        mutant
        for name in sorted(mutants.table.KNOWN)
        for mutant in mutants.mutants(PRIMITIVES[name], ("sign",), alone=True)
        if not mutant.equivalent
    ]
    assert len(made) > 200
    assert [str(mutant) for mutant in made if not mutants.seen(mutant)] == []
