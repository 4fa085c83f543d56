"""Runs the gateway: `python -m deployments.gateway --data-dir var --port 8501`."""

from deployments.serving.gateway.__main__ import main

if __name__ == "__main__":
    main()
