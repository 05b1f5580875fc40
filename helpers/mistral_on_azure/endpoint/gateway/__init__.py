"""The gateway: authentication, quota and the form of error responses, with one file for each kind of deployment."""
