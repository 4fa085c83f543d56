"""Lets every Python process of a run import one module as a mutant of it.

`MUTANT` is "path:number". Python finds this file by its folder's place in PYTHONPATH.
"""

import os

_path, _, _number = os.environ.get("MUTANT", "").rpartition(":")

if _path:
    from importlib.machinery import SourceFileLoader

    from tests.mutation.making import mutated

    _get_code = SourceFileLoader.get_code

    def _mutant_of(loader, fullname):
        if loader.path != _path:
            return _get_code(loader, fullname)
        source = loader.get_data(loader.path).decode()
        return compile(mutated(source, int(_number)), loader.path, "exec")

    SourceFileLoader.get_code = _mutant_of
