// Comes before MLflow's own scripts: its pages start with model training, without the
// assistant's panel (which has nobody to ask here) and the notice of usage data (of which
// none leaves), and lead to the sign-in page when a sign-in has ended.
const STARTS_WITH = {
  "mlflow.workflowType_v1": "machine_learning",
  "mlflow.telemetry.info.alert.dismissed_v1": true,
  "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": true,
};
for (const [key, value] of Object.entries(STARTS_WITH)) {
  if (localStorage.getItem(key) === null) {
    localStorage.setItem(key, JSON.stringify(value));
  }
}

const ask = window.fetch.bind(window);
window.fetch = async (...request) => {
  const answer = await ask(...request);
  if (answer.status === 401 && new URL(answer.url).origin === location.origin) {
    location.reload();
  }
  return answer;
};
