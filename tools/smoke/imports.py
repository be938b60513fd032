"""Import every module of one installed package, and see that other modules are not there (run by tools/release.py)."""

import argparse
import importlib
import importlib.util
import pkgutil
import sys


def main() -> int:
    """Exit code 1, with a line for each module that is missing or that should be absent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package")
    parser.add_argument("--skip", nargs="*", default=[], metavar="MODULE", help="modules that need an extra")
    parser.add_argument("--absent", nargs="*", default=[], metavar="MODULE", help="modules that must not be installed")
    args = parser.parse_args()
    problems = [f"{name} is installed, and must not be" for name in args.absent if importlib.util.find_spec(name)]
    package = importlib.import_module(args.package)
    if "site-packages" not in (package.__file__ or ""):
        problems.append(f"{args.package} comes from {package.__file__}, not from a wheel")
    for found in pkgutil.walk_packages(package.__path__, prefix=f"{args.package}."):
        if found.name in args.skip or found.name.endswith(".__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except ImportError as problem:
            problems.append(f"{found.name}: {problem}")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
