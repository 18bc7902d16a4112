import pytest

from convlens import architectures
from convlens.errors import NetError


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(NetError, match=r"named as in the catalogue. Received name='lenett'. Known: .*lenet.*resnet50"):
        architectures.build("lenett")


def test_one_class_is_refused():
    with pytest.raises(NetError, match=r"2 classes or more apart. Received classes=1. Add another class"):
        architectures.build("lenet", classes=1)
