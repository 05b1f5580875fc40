"""The ground floor: addresses, Microsoft Entra ID, deployments, HTTP, masking, files and child processes."""
