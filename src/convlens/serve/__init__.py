"""Show nets, runs and traces in the page: the wire format, what a server holds, the server."""

from convlens.serve._opening import open_workspace as open_workspace
from convlens.serve._opening import watch_workspace as watch_workspace
from convlens.serve._server import Server as Server
from convlens.serve._wire import decode_frame as decode_frame
from convlens.serve._wire import encode_frame as encode_frame
from convlens.serve._workspace import Workspace as Workspace
