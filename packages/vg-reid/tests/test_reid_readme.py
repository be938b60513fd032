import re
from pathlib import Path


def test_python_example_of_the_readme_runs_as_written(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert "random weights" in capsys.readouterr().out
    assert (tmp_path / "people.gallery").is_file()
