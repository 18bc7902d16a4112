"""Whole numbers only: how many places a window has, what lies under it, and how far a unit sees."""

from convlens.geometry._reach import Reach as Reach
from convlens.geometry._window import output_size as output_size
from convlens.geometry._window import transposed_taps as transposed_taps
from convlens.geometry._window import window_taps as window_taps
