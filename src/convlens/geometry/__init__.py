"""Whole numbers only: how many places a window has, and what lies under it."""

from convlens.geometry._window import output_size as output_size
from convlens.geometry._window import window_taps as window_taps
