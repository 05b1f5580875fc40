"""LangChain's own standard tests for chat models, on ChatOpenAI."""

import os

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestChatOpenAI(ChatModelIntegrationTests):
    chat_model_class = ChatOpenAI
    chat_model_params = {  # noqa: RUF012
        "model": os.environ["MODEL"],
        "base_url": os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
        "api_key": os.environ["AZURE_INFERENCE_CREDENTIAL"],
        "temperature": 0,
    }
    structured_output_kwargs = {"method": "function_calling"}  # noqa: RUF012
    supports_json_mode = False
