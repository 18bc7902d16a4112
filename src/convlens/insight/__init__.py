"""What a net looks for, and what decided: attribution, feature visualisation, diagnosis, surveys."""

from convlens.insight._visualisation import Ascent as Ascent
from convlens.insight._visualisation import Visualisation as Visualisation
from convlens.insight._visualise import visualise as visualise
