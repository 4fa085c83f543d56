"""Asks as users of tritonclient do: `triton_script.py URL KEY`, rows on stdin."""

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
        client.is_server_live(headers=headers),
        client.is_server_ready(headers=headers),
        client.is_model_ready("iris", headers=headers),
        client.is_model_ready("iris", "1", headers=headers),
    ]
    about = client.get_model_metadata("iris", headers=headers)
    answer = ask(client, rows, headers, request_id="7", model_version="1")
    outputs = [each["name"] for each in answer.get_response()["outputs"]]
    try:
        ask(client, rows[:, :2], headers)
        mistake = ""
    except triton.InferenceServerException as error:
        mistake = str(error)
    json.dump(
        {
            "ready": ready,
            "inputs": [each["name"] for each in about["inputs"]],
            "version": answer.get_response()["model_version"],
            "labels": answer.as_numpy("label").tolist(),
            "outputs": outputs,
            "id": answer.get_response()["id"],
            "mistake": mistake,
        },
        sys.stdout,
    )


def ask(client, rows, headers, **options):
    """Infer with tensors as JSON, and only the label in the answer."""
    given = triton.InferInput("X", rows.shape, "FP32")
    given.set_data_from_numpy(rows, binary_data=False)
    wanted = [triton.InferRequestedOutput("label", binary_data=False)]
    return client.infer("iris", [given], outputs=wanted, headers=headers, **options)


if __name__ == "__main__":
    main()
