"""The columns of several files, brought together by their names."""

from collections.abc import Sequence

from datasets.analytics.errors import IngestRefused

Places = tuple[int | None, ...]


def common_names(
    files: Sequence[tuple[str, Sequence[str]]], *, union: bool
) -> tuple[list[str], list[Places]]:
    """Return the columns of the table, and where each is in each file.

    Columns are the same when their names are equal; a name that occurs twice stands
    for its first and its second column. With `union` a file may lack columns (None).
    Raises IngestRefused, which names the file and the columns.
    """
    keyed = [(label, _keys(names)) for label, names in files]
    first_label, wanted = keyed[0][0], list(keyed[0][1])
    for _, keys in keyed[1:] if union else []:
        wanted += [key for key in keys if key not in set(wanted)]
    for label, keys in keyed[1:] if not union else []:
        if set(keys) != set(wanted):
            raise _other_columns(label, first_label, keys, wanted)
    places = []
    for _, keys in keyed:
        place_of = {key: place for place, key in enumerate(keys)}
        places.append(tuple(map(place_of.get, wanted)))
    return [name for name, _ in wanted], places


def _keys(names: Sequence[str]) -> list[tuple[str, int]]:
    seen: dict[str, int] = {}
    keys = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        keys.append((name, seen[name]))
    return keys


def _other_columns(
    label: str,
    first: str,
    keys: Sequence[tuple[str, int]],
    wanted: Sequence[tuple[str, int]],
) -> IngestRefused:
    lacking = [name for name, number in wanted if (name, number) not in set(keys)]
    more = [name for name, number in keys if (name, number) not in set(wanted)]
    words = [f"lacks {_listed(lacking)}"] if lacking else []
    words += [f"has {_listed(more)} besides"] if more else []
    return IngestRefused(
        "invalid_file",
        f"{label!r} has other columns than {first!r}: it {' and '.join(words)}."
        " The option union_by_name fills what a file lacks with missing values.",
    )


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
