"""HTTP/1.1 as the gateway and the model servers speak it: no Django, no ASGI."""
