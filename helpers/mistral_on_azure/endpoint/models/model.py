"""`Model`: the protocol of the models that answer chat requests. The script and the real engines implement it.

Each model checks by itself what `serving` does not: the script counts tokens, and checks the deployment's context
length, the tools and the filtered prompts; a real engine applies its own rules and sends its own errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.gateway.quota import Quota
from mistral_on_azure.endpoint.models.script_layers import SessionScript
from mistral_on_azure.endpoint.transport.exchange import Answer

Spend = Callable[[int, int], None]  # called with the prompt tokens and the completion tokens of a completion


class Settings(msgspec.Struct, eq=False):
    """What a request asks for besides its messages. Requests that differ in their messages only share one object.

    Attributes:
        deployment: the deployment that the request is for.
        parameters: the validated parameters without `messages`; `tools` are not validated yet.
        kept: a cache of the model that answers; other code must not use it.
    """

    deployment: Deployment
    parameters: dict[str, Any]
    kept: Any = None


class ChatRequest(msgspec.Struct, eq=False):
    """A chat request with validated parameters. Requests with the same body may share one object.

    Attributes:
        settings: its deployment and its parameters without `messages`.
        messages: the messages, which are not validated yet.
        size: bytes of the request body.
        kept: a cache of the model that answers the request; other code must not use it.
    """

    settings: Settings
    messages: list[Any]
    size: int = 0
    kept: Any = None

    @property
    def deployment(self) -> Deployment:
        return self.settings.deployment

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters, with `messages`."""
        return {**self.settings.parameters, "messages": self.messages}


class FaultAsked(Exception):
    """Raised instead of returning an answer, where the script has a fault for the request.

    Args:
        fault: the fault.
        answer: the answer to which it applies; None for a fault with a status, which replaces the answer.
        delay: seconds before the error response of a fault with a status.
    """

    def __init__(self, fault: Fault, answer: Answer | None = None, delay: float = 0.0) -> None:
        super().__init__(fault)
        self.fault, self.answer = fault, answer
        if delay:
            self.fault = msgspec.structs.replace(fault, first_token=delay + (fault.first_token or 0.0))


class Model(Protocol):
    """A model that answers chat requests.

    Attributes:
        name: the name of a real engine's model, which requests may have in `model`; None for the script, which answers
            as each deployment.
        info: the body of `/info` for a real engine; None for the script.
    """

    name: str | None

    @property
    def info(self) -> dict[str, str] | None: ...

    def answer(self, asked: ChatRequest, quota: Quota, spend: Spend, own: SessionScript) -> Answer | Awaitable[Answer]:
        """Answer a request, with or without streaming.

        Args:
            asked: the request, of which a model must not change anything but `kept`.
            quota: the quota of the deployment for the key. The model charges it, and adds its headers to the answer.
            spend: called once, with the tokens of the completion.
            own: the session's own exchanges; a real engine ignores them.

        Returns:
            The answer, or an awaitable of it.

        Raises:
            FaultAsked: for a fault of the script, by the call or when its result is awaited.
            QuotaExceeded: when the request does not fit into the quota.
            ApiError: for a request that this model refuses. The caller charges the quota with a request, except for a
                real engine, which has charged it already when its error is awaited.
        """
