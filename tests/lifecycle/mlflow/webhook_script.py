"""What a user does with webhooks, with the unmodified client, and a receiver.

Run by `test_real_webhooks` in another Python, outside the repository. The receiver
checks signatures by MLflow's own function and bodies by MLflow's own types.
"""

import http.server
import json
import sys
import threading
import time

from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent
from mlflow.exceptions import MlflowException
from mlflow.webhooks.delivery import _generate_hmac_signature
from mlflow.webhooks.types import get_payload_class_for_event

SECRET = "open sesame"
EVENTS = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_alias.created",
    "prompt.created",
    "prompt_version.created",
]
WAIT_S = 60
received, faults = [], []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        identity = self.headers["X-MLflow-Delivery-Id"]
        seconds = self.headers["X-MLflow-Timestamp"]
        expected = _generate_hmac_signature(SECRET, identity, seconds, body)
        if self.headers["X-MLflow-Signature"] != expected:
            faults.append("signature")
        if abs(time.time() - int(seconds)) > 300:
            faults.append("timestamp")
        message = json.loads(body)
        event = WebhookEvent(message["entity"], message["action"])
        fields = set(get_payload_class_for_event(event).__annotations__)
        if set(message["data"]) != fields:
            faults.append(f"{event}: {sorted(message['data'])}")
        received.append(str(event))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments):
        """Say nothing."""


def wait_for(count):
    deadline = time.monotonic() + WAIT_S
    while len(received) < count and time.monotonic() < deadline:
        time.sleep(0.05)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
client = MlflowClient()

made = client.create_webhook(
    name="ci", url=url, events=EVENTS, description="for CI", secret=SECRET
)
tested = client.test_webhook(made.webhook_id, "model_version.created")
client.create_registered_model("churn", tags={"team": "a"})
client.create_model_version("churn", "s3://models/1")
client.set_model_version_tag("churn", "1", "quality", "good")
client.set_registered_model_alias("churn", "best", "1")
client.register_prompt("greet", "Hello {{name}}!")
wait_for(7)
changed = client.update_webhook(made.webhook_id, name="cd", status="DISABLED")
seen = client.get_webhook(made.webhook_id)
listed = [one.name for one in client.list_webhooks()]
try:
    client.create_webhook(name="spend", url=url, events=["budget_policy.exceeded"])
    refusal = ""
except MlflowException as refused:
    refusal = refused.message
client.delete_webhook(made.webhook_id)
left = len(client.list_webhooks())
found = {
    "tested": [tested.success, tested.response_status],
    "events": [str(event) for event in made.events],
    "received": received,
    "faults": faults,
    "seen": [seen.name, str(seen.status), seen.description],
    "changed": changed.name,
    "listed": listed,
    "refusal": refusal,
    "left": left,
}
sys.stdout.write(f"{json.dumps(found)}\n")
