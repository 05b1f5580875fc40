"""The API in front of the model: the handlers of the routes, and the parameters of a chat completion."""
