"""Code of gateway and model processes; no module imports Django.

`gateway` answers predictions, `child` is a model process, `supervisor` starts and
watches them, `formats` read models, `oip` and `http1` are what is spoken.
"""
