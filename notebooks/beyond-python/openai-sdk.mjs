// The cookbook's tasks in JavaScript, with the OpenAI package.
// Install: npm install openai @azure/identity
// Run: AZURE_INFERENCE_ENDPOINT=https://… AZURE_INFERENCE_CREDENTIAL=… node openai-sdk.mjs
import { DefaultAzureCredential, getBearerTokenProvider } from "@azure/identity";
import OpenAI from "openai";

const model = process.env.AZURE_INFERENCE_MODEL || "mistralai-Mistral-7B-Instruct-v01";
// Only one of the four open models can call tools, so the request goes to that one. A model with another name, as on a
// Foundry resource, gets the request itself.
const toolModel = model.startsWith("mistralai-") ? "mistralai-Mixtral-8x22B-Instruct-v0-1" : model;
const prompt = "How many languages are in the world?";
const endpoint = process.env.AZURE_INFERENCE_ENDPOINT;
const key = process.env.AZURE_INFERENCE_CREDENTIAL;
// A Foundry resource has other ones: /openai/v1, and https://ai.azure.com/.default.
const baseURL = process.env.AZURE_INFERENCE_OPENAI_ENDPOINT || `${endpoint}/v1`;
const scope = process.env.AZURE_INFERENCE_SCOPE || "https://ml.azure.com/.default";
const begin = (task) => console.log(`\n## ${task}`);
const user = (content) => ({ role: "user", content });

begin("Connect with a key");
let client;
if (key) client = new OpenAI({ baseURL, apiKey: key, timeout: 30_000 });

begin("Connect with Microsoft Entra ID");
// The function is called before each request, so that the token is always fresh.
if (!key) {
  const apiKey = getBearerTokenProvider(new DefaultAzureCredential(), scope);
  client = new OpenAI({ baseURL, apiKey, timeout: 30_000 });
}
// What every request has in common.
const complete = (parameters) => client.chat.completions.create({ model, max_tokens: 256, ...parameters });

begin("Ask what is deployed");
// The route is outside /v1, and some endpoints do not have it.
try {
  const info = await client.withOptions({ baseURL: endpoint }).get("/info");
  console.log(info.model_name, "by", info.model_provider_name);
} catch (error) {
  console.log(error.status, "nothing at /info");
}

begin("Complete a chat");
const system = { role: "system", content: "You are a helpful assistant." };
let completion;
try {
  completion = await complete({ messages: [system, user(prompt)], temperature: 0 });
} catch (error) {
  if (![400, 422, 424].includes(error.status)) throw error;
  console.log("Refused with a system message:", error.status); // by Mistral-7B v01 on managed compute
  completion = await complete({ messages: [user(`${system.content}\n${prompt}`)], temperature: 0 });
}
console.log(completion.choices[0].message.content);
console.log("Finish reason:", completion.choices[0].finish_reason);
const { prompt_tokens, completion_tokens, total_tokens } = completion.usage;
console.log(prompt_tokens, "+", completion_tokens, "=", total_tokens, "tokens");

begin("Send a system message");
const french = { role: "system", content: "Answer in French, in one short sentence." };
try {
  console.log((await complete({ messages: [french, user(prompt)] })).choices[0].message.content);
} catch (error) {
  console.log("Refused here, so put the instruction above the question, as before:", error.status);
}

begin("Hold a conversation");
const messages = [user(prompt)];
for (const question of ["Which one has the most native speakers?", "How do you say good morning in it?"]) {
  messages.push((await complete({ messages })).choices[0].message, user(question));
}
console.log((await complete({ messages })).choices[0].message.content);

begin("Stream the answer");
const draft = "Draft a reply to a customer whose parcel is three days late, in two sentences.";
const stream = await complete({ messages: [user(draft)], stream: true, stream_options: { include_usage: true } });
let streamed;
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
  streamed = chunk.usage ?? streamed;
}
console.log(`\n${streamed?.completion_tokens ?? "unknown"} tokens`);

begin("Shape the answer with parameters");
const counting = "Count from one to ten in Spanish.";
const naming = "Suggest a name for a language school.";
const chant = "Write a chant for a team of translators.";
const settings = [
  [counting, { max_tokens: 8 }],
  [counting, { stop: ["cinco"] }],
  [counting, { response_format: { type: "text" } }],
  [naming, { temperature: 1, seed: 1 }],
  [naming, { temperature: 1, seed: 5 }],
  [naming, { temperature: 1, seed: 5, top_p: 0.2 }],
  [chant, { frequency_penalty: 0 }],
  [chant, { frequency_penalty: 1.5 }],
  [chant, { presence_penalty: 2 }],
];
for (const [asked, setting] of settings) {
  const answer = await complete({ messages: [user(asked)], temperature: 0, ...setting });
  console.log(setting, "→", answer.choices[0].message.content, "→", answer.choices[0].finish_reason);
}

begin("Ask for JSON");
// Where there is no JSON mode, ask in the prompt, and be ready for something else.
const wanted =
  "List the three languages with the most native speakers as a JSON array of objects with the keys language and " +
  "speakers_millions. Answer with JSON only.";
try {
  await complete({ messages: [user(wanted)], response_format: { type: "json_object" } });
  console.log("JSON mode is there.");
} catch (error) {
  console.log(error.status, error.code, "in", error.param);
}
try {
  console.log(JSON.parse((await complete({ messages: [user(wanted)], temperature: 0 })).choices[0].message.content));
} catch (error) {
  console.log("Not the JSON that was asked for:", error.message);
}

begin("Call tools");
const functions = {
  native_speakers: ({ language }) => ({ Bengali: "234 million", Spanish: "485 million" })[language] ?? "unknown",
};
const tools = [
  {
    type: "function",
    function: {
      name: "native_speakers",
      description: "Look up how many people speak a language natively.",
      parameters: {
        type: "object",
        properties: { language: { type: "string", description: "In English" } },
        required: ["language"],
      },
    },
  },
];
// Treat what the model wrote like a stranger's input: call only functions that are listed. An error goes back as a
// result, too.
function run({ name, arguments: written }) {
  try {
    if (!Object.hasOwn(functions, name)) return `error: no function ${name}`;
    return functions[name](JSON.parse(written));
  } catch (error) {
    return `error: ${error.message}`;
  }
}

const talk = [user("How many native speakers do Spanish and Bengali have?")];
try {
  const { message } = (await complete({ model: toolModel, messages: talk, tools })).choices[0];
  talk.push(message);
  for (const call of message.tool_calls ?? []) {
    console.log(call.function.name, call.function.arguments);
    talk.push({ role: "tool", tool_call_id: call.id, content: run(call.function) });
  }
  if (message.tool_calls?.length) {
    console.log((await complete({ model: toolModel, messages: talk, tools })).choices[0].message.content);
  }
} catch (error) {
  console.log("Tools are refused here:", error.status);
}

begin("Pass extra parameters");
// Under /v1 the service hands to the model what the API does not name.
try {
  const sure = await complete({ messages: [user(prompt)], max_tokens: 4, logprobs: true, top_logprobs: 2 });
  if (!sure.choices[0].logprobs) console.log("None came back: they were dropped on the way.");
  for (const { token, logprob } of sure.choices[0].logprobs?.content ?? []) {
    console.log(JSON.stringify(token), `${(100 * Math.exp(logprob)).toFixed(0)} %`);
  }
} catch (error) {
  console.log("Log probabilities are refused here:", error.status);
}

begin("Call asynchronously");
const questions = [
  "In one sentence, why do languages disappear?",
  "In one sentence, how is a new language born?",
  "In one sentence, which language is the hardest to learn?",
];
// Two at a time, which is as many as managed compute takes unless it is told otherwise.
for (let first = 0; first < questions.length; first += 2) {
  const asked = questions.slice(first, first + 2).map((question) => complete({ messages: [user(question)] }));
  for (const answer of await Promise.all(asked)) console.log("-", answer.choices[0].message.content);
}

begin("Handle errors and retries");
// The package waits as told and tries again, twice unless maxRetries says otherwise.
const hello = [user(prompt)];
const attempts = {
  "a wrong key": () => client.withOptions({ apiKey: "wrong" }).chat.completions.create({ model, messages: hello }),
  "a wrong address": () =>
    client.withOptions({ baseURL: `${endpoint}/v2` }).chat.completions.create({ model, messages: hello }),
  "a wrong value": () => complete({ messages: hello, temperature: -1 }),
  "more patience": () =>
    client.withOptions({ maxRetries: 5 }).chat.completions.create({ model, messages: hello, max_tokens: 256 }),
};
for (const [what, attempt] of Object.entries(attempts)) {
  try {
    console.log(`${what}:`, (await attempt()).choices[0].finish_reason);
  } catch (error) {
    console.log(`${what}:`, error.constructor.name, error.status, error.error?.message ?? error.message);
  }
}

begin("Know the limits of this client");
// It has methods for what these deployments do not do.
try {
  await client.embeddings.create({ model, input: prompt });
} catch (error) {
  console.log(error.constructor.name, error.status);
}
