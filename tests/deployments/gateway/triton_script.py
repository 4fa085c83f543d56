"""Asks as users of tritonclient do: `triton_script.py URL KEY`, rows on stdin.

Tensors go as the client sends them by itself, which is binary, unless JSON is said.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton


def main() -> None:
    url, key = sys.argv[1:]
    headers = {"Authorization": f"Bearer {key}"}
    rows = np.array(json.load(sys.stdin), dtype=np.float32)
    client = triton.InferenceServerClient(url)
    ready = [
        client.is_server_live(),
        client.is_server_ready(),
        client.is_model_ready("iris"),
        client.is_model_ready("iris", "1"),
        not client.is_model_ready("iris", "2"),
    ]
    about = client.get_model_metadata("iris", headers=headers)
    in_json = ask(client, rows, headers, is_binary=False, request_id="7")
    answer = ask(client, rows, headers, model_version="1")
    try:
        ask(client, rows[:, :2], headers)
        mistake = ""
    except triton.InferenceServerException as error:
        mistake = str(error)
    json.dump(
        {
            "ready": ready,
            "extensions": client.get_server_metadata(headers=headers)["extensions"],
            "inputs": [each["name"] for each in about["inputs"]],
            "version": answer.get_response()["model_version"],
            "labels": {
                "JSON": in_json.as_numpy("label").tolist(),
                "binary": answer.as_numpy("label").tolist(),
                **{name: packed(client, rows, headers, name) for name in CODINGS},
                "all outputs": everything(client, rows, headers).tolist(),
            },
            "outputs": [each["name"] for each in answer.get_response()["outputs"]],
            "id": in_json.get_response()["id"],
            "mistake": mistake,
            "index": client.get_model_repository_index(headers=headers),
            "counted": client.get_inference_statistics("iris", headers=headers),
        },
        sys.stdout,
    )


CODINGS = ("gzip", "deflate")


def ask(client, rows, headers, *, is_binary=True, **options):
    """Infer with only the label in the answer."""
    headers = dict(headers)  # the client writes the coding of this request into it
    given = triton.InferInput("X", rows.shape, "FP32")
    given.set_data_from_numpy(rows, binary_data=is_binary)
    wanted = [triton.InferRequestedOutput("label", binary_data=is_binary)]
    return client.infer("iris", [given], outputs=wanted, headers=headers, **options)


def packed(client, rows, headers, coding):
    options = {
        "request_compression_algorithm": coding,
        "response_compression_algorithm": coding,
    }
    return ask(client, rows, headers, **options).as_numpy("label").tolist()


def everything(client, rows, headers):
    """Infer as the shortest example does: no outputs are named."""
    given = triton.InferInput("X", rows.shape, "FP32")
    given.set_data_from_numpy(rows)
    answer = client.infer("iris", [given], headers=headers)
    assert answer.as_numpy("probabilities").shape == (len(rows), 3)
    return answer.as_numpy("label")


if __name__ == "__main__":
    main()
