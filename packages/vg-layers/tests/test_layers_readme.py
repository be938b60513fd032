"""The example of the README runs and prints what it says."""

import re
from pathlib import Path


def test_readme_example_runs(capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    exec(example, {})
    printed = capsys.readouterr().out.strip()
    assert f"# {printed}:" in example
