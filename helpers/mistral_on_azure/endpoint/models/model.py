"""What a model is to the endpoint: something that answers a chat request. The script and real engines are side by side.

A model is asked alone. What only one of them can know is its own business: the script counts tokens and checks the
cookbook's context lengths, tools and filtered prompts; an engine refuses by its own rules and in its own words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from mistral_on_azure.azure.deployments import Deployment
from mistral_on_azure.endpoint.fault import Fault
from mistral_on_azure.endpoint.gateway.quota import Quota
from mistral_on_azure.endpoint.models.script_layers import SessionScript
from mistral_on_azure.endpoint.transport.exchange import Answer

Spend = Callable[[int, int], None]  # called with the prompt and the completion tokens of an answer


@dataclass(slots=True, eq=False)
class ChatRequest:
    """A chat request whose parameters are valid. Requests with the same body may be the same object.

    Attributes:
        deployment: the one that is asked.
        parameters: the validated parameters, `messages` and `tools` among them as they were sent.
        size: bytes of the body that it was read from.
        kept: what a model worked out for this request and may use again; nobody else reads it.
    """

    deployment: Deployment
    parameters: dict[str, Any]
    kept: Any = None
    size: int = 0


class FaultAsked(Exception):
    """The script asks for a fault. It is raised in the place of the answer that it damages.

    Args:
        fault: what happens.
        answer: what it happens to; None for a fault with a status, which is the answer.
        delay: seconds until that status is answered.
    """

    def __init__(self, fault: Fault, answer: Answer | None = None, delay: float = 0.0) -> None:
        super().__init__(fault)
        self.fault, self.answer = fault, answer
        if delay:
            self.fault = msgspec.structs.replace(fault, first_token=delay + (fault.first_token or 0.0))


class Model(Protocol):
    """What answers chat requests.

    Attributes:
        name: the model's own name, by which it can be asked for; None for one that answers as each deployment.
        info: what `/info` answers in the place of a deployment's; None for one that answers as each deployment.
    """

    name: str | None

    @property
    def info(self) -> dict[str, str] | None: ...

    def answer(self, asked: ChatRequest, quota: Quota, spend: Spend, own: SessionScript) -> Answer | Awaitable[Answer]:
        """Answer a request, whole or as a stream, at once or later.

        Args:
            asked: the request; read it, never change it but for `kept`.
            quota: of the deployment and the key. The model takes a request and its tokens from it, before it does
                any work, and sends its headers.
            spend: called once, with the tokens that were spent.
            own: what the session adds to the script; an engine does not read it.

        Raises:
            FaultAsked: in the place of an answer, by the script alone; what is awaited raises it, too.
            QuotaExceeded: when the quota has no room for it.
            ApiError: for what this model refuses. Raised by the call itself, before anything was taken from the
                quota, the caller charges the request; raised by what is awaited, it is sent as it is.
        """
