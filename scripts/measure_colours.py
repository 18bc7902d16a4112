"""Measure how red, green and blue vary together in the photos of a data set: PHOTO_COVARIANCE of insight.

    python scripts/measure_colours.py cifar-10/

Source of the constant: CIFAR-10 (Krizhevsky, 2009), the 50,000 images of its train part.
"""

import argparse

import torch

from convlens import data


def main() -> None:
    """Print the covariance of pixels of 0..1, to five decimals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="what convlens.data.load takes; all but its test part is measured")
    photos = data.load(parser.parse_args().data)
    images = torch.cat([photos.train.images, photos.val.images])
    pixels = images.transpose(0, 1).flatten(1).double() / 255
    for row in torch.cov(pixels, correction=0).tolist():
        print(", ".join(f"{value:.5f}" for value in row))


if __name__ == "__main__":
    main()
