"""What a data scientist's script logs as python_function, with the unmodified client.

Run by `test_real_folders` in another Python, outside the repository. Prints what each
registered model answers in its own process, as JSON: `{name: [inputs, predictions]}`.
"""

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

OWN = '''
"""A module that the model's pickle needs, logged with `code_paths`."""


def above(frame, level):
    return frame["petal_cm"] > level
'''
Path("own_rules.py").write_text(OWN)
sys.path.insert(0, ".")

from own_rules import above  # noqa: E402 - it was written just now

WRAPPER = """
import mlflow
from mlflow.models import set_model


class Halves(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input / 2


set_model(Halves())
"""


class Rules(mlflow.pyfunc.PythonModel):
    """Columns of several types in, two named outputs out; it has code and a file."""

    def load_context(self, context):
        self.level = float(Path(context.artifacts["level"]).read_text())

    def predict(self, context, model_input, params=None):
        large = above(model_input, self.level)
        return pd.DataFrame({"large": large, "kind": model_input["kind"].str.upper()})


def logged(name, model, example, predicted, **more):
    signature = infer_signature(example, predicted)
    names = (
        {"name": name} if int(mlflow.__version__[0]) > 2 else {"artifact_path": name}
    )
    mlflow.pyfunc.log_model(
        **names,
        python_model=model,
        signature=signature,
        registered_model_name=name,
        **more,
    )


Path("level.txt").write_text("2.5")
Path("halves.py").write_text(WRAPPER)
flowers = pd.DataFrame({"petal_cm": [1.5, 4.0], "kind": ["a", "b"]})
answer = pd.DataFrame({"large": [False, True], "kind": ["A", "B"]})
numbers = np.array([[1.0, 2.0], [3.0, 4.0]])

mlflow.set_experiment("folders")
with mlflow.start_run():
    logged(
        "rules",
        Rules(),
        flowers,
        answer,
        code_paths=["own_rules.py"],
        artifacts={"level": "level.txt"},
    )
    logged("halves", "halves.py", numbers, numbers / 2)
    X, y = load_iris(return_X_y=True, as_frame=True)
    forest = LogisticRegression(max_iter=500).fit(X, y)
    names = (
        {"name": "iris"}
        if int(mlflow.__version__[0]) > 2
        else {"artifact_path": "iris"}
    )
    mlflow.sklearn.log_model(
        forest,
        **names,
        signature=infer_signature(X, forest.predict(X)),
        registered_model_name="iris",
        code_paths=["own_rules.py"],
        serialization_format="cloudpickle",
    )

found = {
    "rules": [flowers.to_dict("records"), answer.to_dict("list")],
    "halves": [numbers.tolist(), {"predict": (numbers / 2).tolist()}],
    "iris": [
        X.head(3).to_dict("records"),
        {"predict": forest.predict(X.head(3)).tolist()},
    ],
}
sys.stdout.write(json.dumps(found) + "\n")
