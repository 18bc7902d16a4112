"""Pictures by matplotlib, which `pip install 'convlens[plot]'` brings."""

from convlens.figures._canvas import check_path as check_path
from convlens.figures._canvas import save as save
from convlens.figures._nets import architecture as architecture
from convlens.figures._nets import architectures as architectures
