"""Instructor: a Pydantic model as the answer, by a tool and by a prompt."""

import os

import instructor
import openai
from pydantic import BaseModel

client = openai.OpenAI(
    base_url=os.environ["AZURE_INFERENCE_ENDPOINT"] + "/v1", api_key=os.environ["AZURE_INFERENCE_CREDENTIAL"]
)


class City(BaseModel):
    name: str
    people: int


def get_a_typed_answer() -> None:
    typed = instructor.from_openai(client, mode=instructor.Mode.TOOLS)
    messages = [{"role": "user", "content": "Kyoto has 1300000 people."}]
    city = typed.chat.completions.create(model=os.environ["MODEL"], messages=messages, response_model=City)
    assert isinstance(city, City)


def get_typed_answers_one_by_one() -> None:
    typed = instructor.from_openai(client, mode=instructor.Mode.TOOLS)
    messages = [{"role": "user", "content": "Kyoto has 1300000 people."}]
    cities = typed.chat.completions.create_iterable(
        model=os.environ["MODEL"], messages=messages, response_model=City, stream=True
    )
    assert all(isinstance(city, City) for city in cities)
