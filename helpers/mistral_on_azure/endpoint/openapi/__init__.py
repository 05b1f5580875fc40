"""The OpenAPI document, generated from the routes and from the fields with which requests are checked."""
