import dataclasses
import re
from pathlib import Path

from vg_video import g3an
from vg_video.data.codec import read_video

README = Path(__file__).parents[1] / "README.md"


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    tiny = g3an.tiny
    monkeypatch.setattr(g3an, "tiny", lambda classes: dataclasses.replace(tiny(classes), steps=2))
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    frames, fps = read_video("clip.mp4")
    assert (frames.shape, fps) == ((16, 64, 64, 3), 10)
