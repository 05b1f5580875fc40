"""The API in front of the model: the handlers of the routes, and the checks of a request's parameters."""
