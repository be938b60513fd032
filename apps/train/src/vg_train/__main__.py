"""`python -m vg_train` is `vg-train`."""

from vg_train.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
