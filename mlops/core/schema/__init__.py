"""The OpenAPI document: one for the present frontend, one for the first client.

`auto` maps views and serializers, `hooks` finishes the whole document, `profiles`
derives the second document from the first. Both come out the same on SQLite and
PostgreSQL and in every language.
"""

from mlops.core.schema.auto import ApiSchema

__all__ = ["ApiSchema"]
