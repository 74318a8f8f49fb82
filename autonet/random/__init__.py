"""Floor 3: chance, drawn from generators whose state is a Variable."""

from autonet import lazy as _lazy
from autonet.common.lines import filter_tracebacks as _filter_tracebacks
from autonet.random.draws import beta as beta
from autonet.random.draws import binomial as binomial
from autonet.random.draws import categorical as categorical
from autonet.random.draws import dropout as dropout
from autonet.random.draws import gamma as gamma
from autonet.random.draws import normal as normal
from autonet.random.draws import randint as randint
from autonet.random.draws import shuffle as shuffle
from autonet.random.draws import truncated_normal as truncated_normal
from autonet.random.draws import uniform as uniform
from autonet.random.seeds import SeedGenerator as SeedGenerator

_filter_tracebacks(__name__)

_lazy.publish(__name__)
