"""MLflow's deployments on an MLOps server."""
