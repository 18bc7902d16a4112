"""Show nets and runs in the page: the wire format, the server, what it holds."""

from convlens.serve._nets import LiveNet as LiveNet
from convlens.serve._nets import RecordedNet as RecordedNet
from convlens.serve._runs import RunFolder as RunFolder
from convlens.serve._samples import samples_for as samples_for
from convlens.serve._server import Server as Server
from convlens.serve._wire import decode_frame as decode_frame
from convlens.serve._wire import encode_frame as encode_frame
from convlens.serve._workspace import Workspace as Workspace
