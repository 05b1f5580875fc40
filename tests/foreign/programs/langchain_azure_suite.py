"""LangChain's own standard tests for chat models, on Microsoft's AzureAIOpenAIApiChatModel."""

import os

from langchain_azure_ai.chat_models import AzureAIOpenAIApiChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestChatAzure(ChatModelIntegrationTests):
    chat_model_class = AzureAIOpenAIApiChatModel
    chat_model_params = {  # noqa: RUF012
        "model": os.environ["MODEL"],
        "endpoint": os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1",
        "credential": os.environ["AZURE_INFERENCE_CREDENTIAL"],
        "temperature": 0,
    }
    structured_output_kwargs = {"method": "function_calling"}  # noqa: RUF012
    supports_json_mode = False
