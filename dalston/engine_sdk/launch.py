"""Starts an engine's child with another interpreter: `python -P launch.py ARGUMENTS`.

An environment of an engine's own has none of the server's packages, and must not see them. So the
package `dalston` is loaded from its place, without putting on the path what lies beside it. A
process that the engine spawns imports this file too, as `__mp_main__`, and needs the package.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def load_package() -> None:
    """Make the package `dalston` importable."""
    package = Path(__file__).resolve().parent.parent
    spec = spec_from_file_location(
        "dalston", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{package} is not a package")
    module = module_from_spec(spec)
    sys.modules["dalston"] = module
    spec.loader.exec_module(module)


if __name__ in {"__main__", "__mp_main__"}:
    load_package()
if __name__ == "__main__":
    import_module("dalston.engine_sdk.child").run(sys.argv[1:])
