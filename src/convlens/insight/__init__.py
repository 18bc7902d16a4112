"""What a net looks for, and what decided: attribution, feature visualisation, diagnosis, surveys."""

from convlens.insight._attribution import Attribution as Attribution
from convlens.insight._attribution import Completeness as Completeness
from convlens.insight._grad_cam import grad_cam as grad_cam
from convlens.insight._gradients import gradient as gradient
from convlens.insight._gradients import integrated_gradients as integrated_gradients
from convlens.insight._gradients import smooth_grad as smooth_grad
from convlens.insight._occlusion import occlusion as occlusion
from convlens.insight._relu_rules import deconvnet as deconvnet
from convlens.insight._relu_rules import guided_backpropagation as guided_backpropagation
