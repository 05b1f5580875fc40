"""The API in front of the model: routes, parameters, messages, completions."""
