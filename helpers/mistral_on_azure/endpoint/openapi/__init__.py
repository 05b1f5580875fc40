"""The OpenAPI document of what the local endpoint serves, made from the tables that the endpoint itself reads."""
