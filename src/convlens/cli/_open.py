"""convlens open: show a net, a run or a trace in the page."""


def open_command(source: str, /, *, browser: bool = True, port: int | None = None) -> None:
    """Open a net, a run folder or a trace in the page: draw for it, click any number, follow the arithmetic.

    Args:
        source: a shipped net ("lenet"), a run folder, finished or not, or the .safetensors file of a net or a trace.
        browser: open the page in a browser; otherwise only its address is printed.
        port: of the server on this machine; by default 8765, or any free one.
    """
    from convlens.cli._show import show
    from convlens.serve import Server, open_workspace

    show(Server(open_workspace(source), port=port), browser=browser)
