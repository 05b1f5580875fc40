"""The ground floor: addresses, credentials, deployments, HTTP, masking, files and child processes."""
