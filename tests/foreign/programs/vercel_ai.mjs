// Vercel's AI SDK, by its provider for OpenAI-compatible servers. Prints a JSON object for each thing that was tried.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const provider = createOpenAICompatible({
  name: "azure",
  baseURL: `${process.env.AZURE_INFERENCE_ENDPOINT}/v1`,
  apiKey: process.env.AZURE_INFERENCE_CREDENTIAL,
});
const model = provider(process.env.MODEL);
const prompt = "How many languages are in the world?";

const tried = {
  async complete_a_chat() {
    assert.match((await generateText({ model, prompt })).text, /7,000/);
  },
  async stream_the_answer() {
    let text = "";
    for await (const part of streamText({ model, prompt }).textStream) text += part;
    assert.match(text, /7,000/);
  },
  async call_a_tool() {
    const population = tool({
      description: "How many people live in a city.",
      inputSchema: z.object({ city: z.string() }),
      execute: async () => 1_300_000,
    });
    const answer = await generateText({
      model, prompt: "How many people live in Kyoto?", tools: { population }, toolChoice: "required",
      stopWhen: stepCountIs(1),
    });
    assert.equal(typeof answer.toolCalls[0].input.city, "string");
  },
};
for (const [name, attempt] of Object.entries(tried)) {
  const error = await attempt().then(() => "", (error) => `${error.name}: ${error.message}`);
  console.log(JSON.stringify({ tried: name, error }));
}
