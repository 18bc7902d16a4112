"""Networks as their papers draw them, and trained ones in files."""

from convlens.architectures._catalogue import build as build
from convlens.architectures._catalogue import names as names
from convlens.architectures._lenet import LeNet as LeNet
from convlens.architectures._net_file import NetCard as NetCard
from convlens.architectures._net_file import TrainedNet as TrainedNet
from convlens.architectures._net_file import load_net as load_net
from convlens.architectures._net_file import save_net as save_net
from convlens.architectures._shipped import lenet as lenet
from convlens.architectures._shipped import open_net as open_net
from convlens.architectures._shipped import shipped as shipped
