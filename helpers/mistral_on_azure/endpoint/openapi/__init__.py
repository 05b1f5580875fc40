"""The OpenAPI document: made from the routes it is given and the fields that the endpoint itself checks."""
