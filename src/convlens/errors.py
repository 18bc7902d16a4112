"""Every error that Convlens raises on purpose.

    ConvlensError
    ├── ShapeError (ValueError)             sizes that do not fit together
    ├── DataError (ValueError)              a file or folder that cannot be read as images and labels
    │   └── DownloadError                   a file that could not be fetched, or arrived damaged
    ├── NetError (ValueError)               an unknown architecture, or weights that do not fit it
    ├── RunError (ValueError)               a run folder that cannot be written, read or resumed
    ├── TraceError (ValueError)             a net that cannot be traced, or a unit that is not there
    │   ├── UnsupportedError                an operator without a form: its values are known, its arithmetic is not
    │   └── TraceFileError                  a file that is not a whole trace
    ├── InsightError (ValueError)           a method that this net, layer or unit does not admit
    ├── SurveyError (ValueError)            a survey file that cannot be written, read or resumed
    ├── FigureError (ValueError)            a figure that cannot be written
    ├── WireError (ValueError)              a message that the server or the page cannot read
    ├── ServeError (RuntimeError)           a server that cannot start: its port is taken, its page was not built
    └── MissingPackageError (ImportError)   an optional package that is not installed

Each message states the rule in the field's words, what was received, and what would work.
"""


class ConvlensError(Exception):
    """Any error that Convlens raises on purpose."""


class ShapeError(ConvlensError, ValueError):
    """Sizes that do not fit together."""


class DataError(ConvlensError, ValueError):
    """A file or folder that cannot be read as images and labels."""


class DownloadError(DataError):
    """A file that could not be fetched, or arrived damaged."""


class NetError(ConvlensError, ValueError):
    """An unknown architecture, or weights that do not fit it."""


class RunError(ConvlensError, ValueError):
    """A run folder that cannot be written, read or resumed."""


class TraceError(ConvlensError, ValueError):
    """A net that cannot be traced, or a unit that is not there."""


class UnsupportedError(TraceError):
    """An operator without a form: its values are known, its arithmetic is not."""


class TraceFileError(TraceError):
    """A file that is not a whole trace."""


class InsightError(ConvlensError, ValueError):
    """A method that this net, layer or unit does not admit."""


class SurveyError(ConvlensError, ValueError):
    """A survey file that cannot be written, read or resumed."""


class FigureError(ConvlensError, ValueError):
    """A figure that cannot be written."""


class WireError(ConvlensError, ValueError):
    """A message that the server or the page cannot read."""


class ServeError(ConvlensError, RuntimeError):
    """A server that cannot start: its port is taken, its page was not built."""


class MissingPackageError(ConvlensError, ImportError):
    """An optional package that is not installed."""
