import re
from pathlib import Path


def test_python_examples_of_the_readme_run_as_written(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    search, training = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(search, "README.md", "exec"), {})
    assert "random weights" in capsys.readouterr().out
    assert (tmp_path / "people.gallery").is_file()
    exec(compile(training, "README.md", "exec"), {})
    assert "parameters" in capsys.readouterr().out
