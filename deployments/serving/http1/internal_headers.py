"""Headers from model servers to gateways about a call; clients never see them.

Imported in the interpreters of models too, which need not have httptools.
"""

NOT_FINITE = b"x-not-finite"
"""A model server's mark on an answer that has a NaN or an infinity."""
TOOK = b"x-took-ms"
"""How long the model had the request, without its waits for a processor."""
WAS_TAKEN = b"x-was-taken"
"""A mark on the refusal of a request that the version before would have taken."""
FOR_GATEWAYS = frozenset({NOT_FINITE, TOOK, WAS_TAKEN})
