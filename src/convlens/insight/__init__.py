"""What a net looks for, and what decided: attribution, feature visualisation, diagnosis, surveys."""

from convlens.insight._survey import survey as survey
from convlens.insight._survey_result import Channel as Channel
from convlens.insight._survey_result import Patch as Patch
from convlens.insight._survey_result import Survey as Survey
from convlens.insight._survey_result import open_survey as open_survey
