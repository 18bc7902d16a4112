"""The page that says which operator has which form is what the tables say."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_operators_is_up_to_date():
    spec = importlib.util.spec_from_file_location("write_operators", ROOT / "scripts" / "write_operators.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (ROOT / "docs" / "operators.md").read_text() == script.page(), "run python scripts/write_operators.py"
