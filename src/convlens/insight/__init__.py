"""What a net looks for, and what decided: attribution, feature visualisation, diagnosis, surveys."""

from convlens.insight._diagnose import diagnose as diagnose
from convlens.insight._diagnosis import Diagnosis as Diagnosis
from convlens.insight._diagnosis import Finding as Finding
from convlens.insight._survey import survey as survey
from convlens.insight._survey_result import Channel as Channel
from convlens.insight._survey_result import Patch as Patch
from convlens.insight._survey_result import Survey as Survey
from convlens.insight._survey_result import open_survey as open_survey
from convlens.insight._visualisation import Ascent as Ascent
from convlens.insight._visualisation import Visualisation as Visualisation
from convlens.insight._visualise import visualise as visualise
