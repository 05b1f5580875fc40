// The cookbook's tasks in JavaScript, with Microsoft's package for the Azure AI Model Inference API.
// It is a beta whose Python twin is retired: for new code take the OpenAI package.
// Install: npm install @azure-rest/ai-inference @azure/core-auth @azure/core-sse @azure/identity
// Run: AZURE_INFERENCE_ENDPOINT=https://… AZURE_INFERENCE_CREDENTIAL=… node azure-rest.mjs
import ModelClient, { isUnexpected } from "@azure-rest/ai-inference";
import { AzureKeyCredential } from "@azure/core-auth";
import { createSseStream } from "@azure/core-sse";
import { DefaultAzureCredential } from "@azure/identity";

const model = process.env.AZURE_INFERENCE_MODEL || "mistralai-Mistral-7B-Instruct-v01";
// Only one of the four open models can call tools, so the request goes to that one. A model with another name, as on a
// Foundry resource, gets the request itself.
const toolModel = model.startsWith("mistralai-") ? "mistralai-Mixtral-8x22B-Instruct-v0-1" : model;
const prompt = "How many languages are in the world?";
const endpoint = process.env.AZURE_INFERENCE_ENDPOINT;
const key = process.env.AZURE_INFERENCE_CREDENTIAL;
const scope = process.env.AZURE_INFERENCE_SCOPE || "https://ml.azure.com/.default";
const begin = (task) => console.log(`\n## ${task}`);
const user = (content) => ({ role: "user", content });

const options = {
  allowInsecureConnection: endpoint.startsWith("http://"), // for an endpoint on this machine
  credentials: { scopes: [scope] }, // of a token, where there is no key
};

begin("Connect with a key");
let credential;
if (key) credential = new AzureKeyCredential(key);

begin("Connect with Microsoft Entra ID");
if (!key) credential = new DefaultAzureCredential();
const client = ModelClient(endpoint, credential, options);

// This client raises nothing when the service refuses: the answer has to be looked at.
async function post(body, { through = client, headers = {} } = {}) {
  const response = await through.path("/chat/completions").post({ body: { model, max_tokens: 256, ...body }, headers });
  if (!isUnexpected(response)) return response.body;
  const { error, detail, message = error?.message ?? detail, code = error?.code } = response.body ?? {};
  throw Object.assign(new Error(message ?? "without a word"), { status: Number(response.status), code });
}

begin("Ask what is deployed");
const info = await client.path("/info").get();
if (isUnexpected(info)) console.log(info.status, "nothing at /info");
else console.log(info.body.model_name, "by", info.body.model_provider_name);

begin("Complete a chat");
const system = { role: "system", content: "You are a helpful assistant." };
let completion;
try {
  completion = await post({ messages: [system, user(prompt)], temperature: 0 });
} catch (error) {
  if (![400, 422, 424].includes(error.status)) throw error;
  console.log("Refused with a system message:", error.status); // by Mistral-7B v01 on managed compute
  completion = await post({ messages: [user(`${system.content}\n${prompt}`)], temperature: 0 });
}
console.log(completion.choices[0].message.content);
console.log("Finish reason:", completion.choices[0].finish_reason);
const { prompt_tokens, completion_tokens, total_tokens } = completion.usage;
console.log(prompt_tokens, "+", completion_tokens, "=", total_tokens, "tokens");

begin("Send a system message");
const french = { role: "system", content: "Answer in French, in one short sentence." };
try {
  console.log((await post({ messages: [french, user(prompt)] })).choices[0].message.content);
} catch (error) {
  console.log("Refused here, so put the instruction above the question, as before:", error.status);
}

begin("Hold a conversation");
const messages = [user(prompt)];
for (const question of ["Which one has the most native speakers?", "How do you say good morning in it?"]) {
  messages.push((await post({ messages })).choices[0].message, user(question));
}
console.log((await post({ messages })).choices[0].message.content);

begin("Stream the answer");
const draft = "Draft a reply to a customer whose parcel is three days late, in two sentences.";
const request = { model, messages: [user(draft)], max_tokens: 256, stream: true };
const response = await client.path("/chat/completions").post({ body: request }).asNodeStream();
if (response.status !== "200") throw new Error(`status ${response.status}`);
let streamed;
for await (const { data } of createSseStream(response.body)) {
  if (data === "[DONE]") break;
  const chunk = JSON.parse(data);
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
  const answer = await post({ messages: [user(asked)], temperature: 0, ...setting });
  console.log(setting, "→", answer.choices[0].message.content, "→", answer.choices[0].finish_reason);
}

begin("Ask for JSON");
// Where there is no JSON mode, ask in the prompt, and be ready for something else.
const wanted =
  "List the three languages with the most native speakers as a JSON array of objects with the keys language and " +
  "speakers_millions. Answer with JSON only.";
try {
  await post({ messages: [user(wanted)], response_format: { type: "json_object" } });
  console.log("JSON mode is there.");
} catch (error) {
  console.log(error.status, error.code);
}
try {
  console.log(JSON.parse((await post({ messages: [user(wanted)], temperature: 0 })).choices[0].message.content));
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
  const { message } = (await post({ model: toolModel, messages: talk, tools })).choices[0];
  talk.push(message);
  for (const call of message.tool_calls ?? []) {
    console.log(call.function.name, call.function.arguments);
    talk.push({ role: "tool", tool_call_id: call.id, content: run(call.function) });
  }
  if (message.tool_calls?.length) {
    console.log((await post({ model: toolModel, messages: talk, tools })).choices[0].message.content);
  }
} catch (error) {
  console.log("Tools are refused here:", error.status);
}

begin("Pass extra parameters");
// The header extra-parameters decides what becomes of a parameter that the API does not name.
for (const choice of ["error", "drop", "pass-through"]) {
  try {
    const more = { messages: [user(prompt)], max_tokens: 4, logprobs: true };
    const { choices } = await post(more, { headers: { "extra-parameters": choice } });
    console.log(choice, "→ log probabilities:", Boolean(choices[0].logprobs));
  } catch (error) {
    console.log(choice, "→", error.status);
  }
}

begin("Call asynchronously");
const questions = [
  "In one sentence, why do languages disappear?",
  "In one sentence, how is a new language born?",
  "In one sentence, which language is the hardest to learn?",
];
// Two at a time, which is as many as managed compute takes unless it is told otherwise.
for (let first = 0; first < questions.length; first += 2) {
  const asked = questions.slice(first, first + 2).map((question) => post({ messages: [user(question)] }));
  for (const answer of await Promise.all(asked)) console.log("-", answer.choices[0].message.content);
}

begin("Handle errors and retries");
// The package waits as told and tries again, three times unless retryOptions says otherwise.
const as = (secret, address = endpoint) => ModelClient(address, new AzureKeyCredential(secret), options);
const patient = { ...options, retryOptions: { maxRetries: 5 } };
const hello = [user(prompt)];
const attempts = {
  "a wrong key": () => post({ messages: hello }, { through: as("wrong") }),
  "a wrong address": () => post({ messages: hello }, { through: as(key ?? "none", `${endpoint}/v2`) }),
  "a wrong value": () => post({ messages: hello, temperature: -1 }),
  "more patience": () => post({ messages: hello }, { through: ModelClient(endpoint, credential, patient) }),
};
for (const [what, attempt] of Object.entries(attempts)) {
  try {
    console.log(`${what}:`, (await attempt()).choices[0].finish_reason);
  } catch (error) {
    console.log(`${what}:`, error.status, error.message);
  }
}

begin("Know the limits of this client");
// It passes on what it is given, and reads a stream only with another package.
const unknown = await client.pathUnchecked("/embeddings").post({ body: { model, input: [prompt] } });
console.log(unknown.status);
