"""Images to begin with, where nobody has drawn one yet."""

from collections.abc import Sequence

from convlens.architectures import NetCard
from convlens.data import Example, digits

_COUNT = 100
_SEED = 1  # of pictures that no training has seen: data.load("digits") draws its own


def samples_for(card: NetCard) -> Sequence[Example]:
    """Draw samples for a net that reads digits; there are none for others."""
    if card.classes != tuple("0123456789"):
        return ()
    return digits(_COUNT, seed=_SEED)
