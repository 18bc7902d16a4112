"""What a net looks for, and what decided: attribution, feature visualisation, diagnosis, surveys."""

from convlens.insight._attribution import Attribution as Attribution
from convlens.insight._attribution import Completeness as Completeness
from convlens.insight._diagnose import diagnose as diagnose
from convlens.insight._diagnosis import Diagnosis as Diagnosis
from convlens.insight._diagnosis import Finding as Finding
from convlens.insight._grad_cam import grad_cam as grad_cam
from convlens.insight._gradients import gradient as gradient
from convlens.insight._gradients import integrated_gradients as integrated_gradients
from convlens.insight._gradients import smooth_grad as smooth_grad
from convlens.insight._occlusion import occlusion as occlusion
from convlens.insight._relu_rules import deconvnet as deconvnet
from convlens.insight._relu_rules import guided_backpropagation as guided_backpropagation
from convlens.insight._survey import survey as survey
from convlens.insight._survey_result import Channel as Channel
from convlens.insight._survey_result import Patch as Patch
from convlens.insight._survey_result import Survey as Survey
from convlens.insight._survey_result import open_survey as open_survey
from convlens.insight._visualisation import Ascent as Ascent
from convlens.insight._visualisation import Visualisation as Visualisation
from convlens.insight._visualise import visualise as visualise
