"""The Open Inference Protocol (V2), JSON form: requests to arrays and back.

https://github.com/kserve/open-inference-protocol, specification/protocol.
"""
