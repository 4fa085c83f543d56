"""Content for byte stores, made again from its size and read back."""

import random

ROOM = 1 << 30


def bytes_of(size):
    return random.Random(size).randbytes(size)  # noqa: S311 - the same bytes again


def put(store, key="a/b", content=b"content", **more):
    return store.put(key, [content], max_bytes=ROOM, **more)


def read(store, key, *window):
    with store.open(key, *window) as file:
        return file.read()


def keys(store, prefix="a/"):
    return [blob.key for blob in store.listing(prefix)]
