"""Random weights as papers draw them. Biases are zero where a paper does not say otherwise."""

from collections.abc import Callable

from torch import Tensor, nn

Draw = Callable[[Tensor], object]


def normal(deviation: float) -> Draw:
    """Draw from a normal distribution of mean 0 (Krizhevsky et al., 2012: deviation 0.01)."""
    return lambda weight: nn.init.normal_(weight, 0.0, deviation)


def he(weight: Tensor) -> Tensor:
    """Draw so that gradients keep their size through ReLUs: variance 2 / (what one number is read by).

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015), equation 14.
    """
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def he_forward(weight: Tensor) -> Tensor:
    """Draw so that activations keep their size through ReLUs: variance 2 / (what one number reads).

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015), equation 10.
    """
    return nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")


def glorot(weight: Tensor) -> Tensor:
    """Draw uniformly, a compromise between activations and gradients.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010),
    equation 16.
    """
    return nn.init.xavier_uniform_(weight)


def initialise(net: nn.Module, *, convolution: Draw, linear: Draw) -> None:
    """Draw all filters and matrices of a net anew, and set all biases to zero.

    Args:
        net: its normalisations stay as torch makes them: scale 1, shift 0.
        convolution: for filter banks.
        linear: for the matrices of fully connected layers.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if layer.weight.is_meta:
                continue  # no numbers to draw, and torch's stand-in for drawing is slow
            (convolution if isinstance(layer, nn.Conv2d) else linear)(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
