"""See through a net: record a forward pass, and explain every number of it."""

from convlens.tracing._chain import Chain as Chain
from convlens.tracing._edit import Comparison as Comparison
from convlens.tracing._edit import LayerDifference as LayerDifference
from convlens.tracing._explanation import Channel as Channel
from convlens.tracing._explanation import Explanation as Explanation
from convlens.tracing._explanation import Term as Term
from convlens.tracing._forms import Call as Call
from convlens.tracing._forms import Form as Form
from convlens.tracing._gradients import Gradients as Gradients
from convlens.tracing._input import to_batch as to_batch
from convlens.tracing._pixels import PixelSum as PixelSum
from convlens.tracing._receptive_field import ReceptiveField as ReceptiveField
from convlens.tracing._trace import Layer as Layer
from convlens.tracing._trace import Trace as Trace
from convlens.tracing._trace import load_trace as load_trace
from convlens.tracing._trace import trace as trace
