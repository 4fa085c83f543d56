"""Every maker of a byte store, for the suite that each of them passes.

One more store is one more function here, and its `remains`.
"""

from functools import singledispatch

from mlops.core.blobs import FolderStore, drafts


def a_folder(path, _monkeypatch):
    return FolderStore(path)


def a_folder_without_syncs(path, _monkeypatch):
    return FolderStore(path, syncs=False)


def a_folder_that_has_no_nameless_files(path, monkeypatch):
    """As on other systems than Linux, and on some network file systems."""
    monkeypatch.setattr(drafts, "_TMPFILE", 0)
    return FolderStore(path)


FOLDERS = {
    maker.__name__: maker
    for maker in (a_folder, a_folder_without_syncs, a_folder_that_has_no_nameless_files)
}
MAKERS = {**FOLDERS}


@singledispatch
def remains(store):
    """Return the names of all that a store holds, seen by its verbs or not."""
    raise NotImplementedError(type(store))


@remains.register
def _(store: FolderStore):
    files = (path for path in store.root.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(store.root)) for path in files)
