"""Asks as users of KServe's client do: `kserve_script.py URL KEY`, rows on stdin."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main() -> None:
    url, key = sys.argv[1:]
    headers = {"Authorization": f"Bearer {key}"}
    rows = np.array(json.load(sys.stdin), dtype=np.float32)
    client = InferenceRESTClient(config=RESTConfig(protocol="v2"))
    labels = {}
    for form, is_binary in (("JSON", False), ("binary", True)):
        given = InferInput("X", list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=is_binary)
        request = InferRequest(
            model_name="iris",
            infer_inputs=[given],
            request_id=form,
            parameters={"binary_data_output": is_binary},
        )
        answer = await client.infer(url, request, "iris", headers)
        assert answer.id == form
        labels[form] = answer.outputs[0].as_numpy().tolist()
    ready = [
        await client.is_server_live(url),
        await client.is_server_ready(url),
        await client.is_model_ready(url, "iris"),
    ]
    json.dump({"labels": labels, "ready": ready}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
