"""Training: the loop, its recipe, and the folder that keeps what it did."""

from convlens.training._events import read_events as read_events
from convlens.training._predict import Prediction as Prediction
from convlens.training._predict import predict as predict
from convlens.training._recipe import Recipe as Recipe
from convlens.training._recipe import RecipeOptions as RecipeOptions
from convlens.training._run import Run as Run
from convlens.training._run import open_run as open_run
from convlens.training._train import resume as resume
from convlens.training._train import train as train
