"""Generated videos and person search over HTTP; `vg-serve --help` starts it."""

from vg_serve.app import create_app
from vg_serve.settings import Limits, Settings

__all__ = ["Limits", "Settings", "create_app"]
