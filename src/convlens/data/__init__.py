"""Files to tensors and back: images, labels, and what a net makes of pixels before it reads them."""

from convlens.data._dataset import DataSet as DataSet
from convlens.data._dataset import Example as Example
from convlens.data._dataset import Part as Part
from convlens.data._digits import digits as digits
from convlens.data._digits import load_digits as load_digits
from convlens.data._images import read_image as read_image
from convlens.data._load import load as load
from convlens.data._preprocessing import Preprocessing as Preprocessing
