"""What gateway and model processes run; none of it knows Django.

`gateway` answers predictions, `child` is a model process, `supervisor` starts and
watches them, `formats` read models, `oip` and `http1` are what is spoken.
"""
