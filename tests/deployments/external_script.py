"""What a data scientist's script logs as ONNX with its weights in another file.

Run by `test_real_weights` in another Python, outside the repository. Prints what the
client's pyfunc answers, as JSON: `[rows, {output: values}]`.
"""

import json
import sys

import mlflow
import numpy as np
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper

WIDTH, LAYERS = 64, 3
random = np.random.default_rng(0)
weights = [
    numpy_helper.from_array(
        random.standard_normal((WIDTH, WIDTH), dtype=np.float32) / 8, f"w{number}"
    )
    for number in range(LAYERS)
]
names = ["x", *(f"h{number}" for number in range(1, LAYERS)), "y"]
nodes = [
    helper.make_node("MatMul", [given, tensor.name], [answer])
    for given, tensor, answer in zip(names, weights, names[1:], strict=False)
]
ends = [
    helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, WIDTH])
    for name in "xy"
]
graph = helper.make_graph(nodes, "deep", ends[:1], ends[1:], weights)
model = helper.make_model(
    graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
)
rows = random.standard_normal((2, WIDTH), dtype=np.float32)

mlflow.set_experiment("weights")
with mlflow.start_run():
    logged = mlflow.onnx.log_model(
        model,
        name="deep",
        signature=infer_signature(rows, {"y": rows}),
        registered_model_name="deep",
        save_as_external_data=True,
    )
answer = mlflow.pyfunc.load_model(logged.model_uri).predict(rows)
found = {name: values.tolist() for name, values in answer.items()}
sys.stdout.write(json.dumps([rows.tolist(), found]) + "\n")
