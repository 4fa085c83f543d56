"""The gateway's start command; what it runs is `deployments.serving.gateway`."""
