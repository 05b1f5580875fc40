// The cookbook's tasks in C#, with Microsoft's package for the Azure AI Model Inference API.
// NOT COMPILED AND NOT RUN HERE: the cookbook's tests have no .NET. Every name was looked up in the public listing of
// the package's version 1.0.0-beta.5. The package is a beta and is retired: for new code take the OpenAI package.
// Run: AZURE_INFERENCE_ENDPOINT=https://… AZURE_INFERENCE_CREDENTIAL=… dotnet run
using System.Text.Json;
using Azure;
using Azure.AI.Inference;
using Azure.Identity;

const string model = "mistralai-Mistral-7B-Instruct-v01";
const string toolModel = "mistralai-Mixtral-8x22B-Instruct-v0-1"; // the deployment that can call tools
const string prompt = "How many languages are in the world?";
var endpoint = new Uri(Environment.GetEnvironmentVariable("AZURE_INFERENCE_ENDPOINT"));
var key = Environment.GetEnvironmentVariable("AZURE_INFERENCE_CREDENTIAL");

void Begin(string task) => Console.WriteLine($"\n## {task}");
ChatRequestUserMessage User(string content) => new(content);
ChatCompletionsOptions Ask(params ChatRequestMessage[] turns) => new(turns) { Model = model, MaxTokens = 256 };

Begin("Connect with a key");
ChatCompletionsClient client = null;
if (key is not null) client = new ChatCompletionsClient(endpoint, new AzureKeyCredential(key));

Begin("Connect with Microsoft Entra ID");
// The package itself asks for the scope https://ml.azure.com/.default, and fetches a new token in time.
client ??= new ChatCompletionsClient(endpoint, new DefaultAzureCredential());

Begin("Ask what is deployed");
// Some endpoints have no /info.
try
{
    ModelInfo info = client.GetModelInfo().Value;
    Console.WriteLine($"{info.ModelName} by {info.ModelProviderName}");
}
catch (RequestFailedException error)
{
    Console.WriteLine($"{error.Status} nothing at /info");
}

Begin("Complete a chat");
ChatCompletionsOptions request = Ask(new ChatRequestSystemMessage("You are a helpful assistant."), User(prompt));
request.Temperature = 0;
ChatCompletions completion = client.Complete(request).Value;
Console.WriteLine(completion.Content);
Console.WriteLine($"Finish reason: {completion.FinishReason}");
CompletionsUsage usage = completion.Usage;
Console.WriteLine($"{usage.PromptTokens} + {usage.CompletionTokens} = {usage.TotalTokens} tokens");

Begin("Send a system message");
var french = new ChatRequestSystemMessage("Answer in French, in one short sentence.");
Console.WriteLine(client.Complete(Ask(french, User(prompt))).Value.Content);

Begin("Hold a conversation");
var messages = new List<ChatRequestMessage> { User(prompt) };
foreach (var question in new[] { "Which one has the most native speakers?", "How do you say good morning in it?" })
{
    ChatCompletions answer = client.Complete(Ask(messages.ToArray())).Value;
    messages.Add(new ChatRequestAssistantMessage(answer));
    messages.Add(User(question));
}
Console.WriteLine(client.Complete(Ask(messages.ToArray())).Value.Content);

Begin("Stream the answer");
CompletionsUsage streamed = null;
using (var stream = await client.CompleteStreamingAsync(Ask(User(prompt))))
{
    await foreach (StreamingChatCompletionsUpdate update in stream)
    {
        Console.Write(update.ContentUpdate);
        streamed = update.Usage ?? streamed;
    }
}
Console.WriteLine($"\n{streamed?.CompletionTokens} tokens");

Begin("Shape the answer with parameters");
ChatRequestUserMessage counting = User("Count from one to ten in Spanish.");
ChatCompletionsOptions brief = Ask(counting), stopped = Ask(counting), drawn = Ask(counting);
brief.MaxTokens = 8;
stopped.StopSequences.Add("cinco");
drawn.Temperature = 1; // and top_p is called NucleusSamplingFactor
drawn.Seed = 5;
foreach (var options in new[] { brief, stopped, drawn })
{
    ChatCompletions answer = client.Complete(options).Value;
    Console.WriteLine($"{answer.Content} → {answer.FinishReason}");
}

Begin("Ask for JSON");
// There is no JSON mode: ask in the prompt, and be ready for something else.
ChatCompletionsOptions wanted = Ask(User(
    "List the three languages with the most native speakers as a JSON array of objects with the keys language and "
    + "speakers_millions. Answer with JSON only."));
try
{
    wanted.ResponseFormat = ChatCompletionsResponseFormat.CreateJsonFormat();
    client.Complete(wanted);
}
catch (RequestFailedException error)
{
    Console.WriteLine($"{error.Status} {error.ErrorCode}");
}
try
{
    wanted.ResponseFormat = null;
    wanted.Temperature = 0;
    using JsonDocument parsed = JsonDocument.Parse(client.Complete(wanted).Value.Content);
    foreach (JsonElement row in parsed.RootElement.EnumerateArray()) Console.WriteLine(row);
}
catch (Exception error) when (error is JsonException or InvalidOperationException)
{
    Console.WriteLine($"Not the JSON that was asked for: {error.Message}");
}

Begin("Call tools");
var speakers = new Dictionary<string, string> { ["Bengali"] = "234 million", ["Spanish"] = "485 million" };
var functions = new Dictionary<string, Func<JsonElement, string>>
{
    ["native_speakers"] = given => speakers.GetValueOrDefault(given.GetProperty("language").ToString(), "unknown"),
};
var tool = new ChatCompletionsToolDefinition(new FunctionDefinition("native_speakers")
{
    Description = "Look up how many people speak a language natively.",
    Parameters = BinaryData.FromObjectAsJson(new
    {
        type = "object",
        properties = new { language = new { type = "string", description = "In English" } },
        required = new[] { "language" },
    }),
});
// What the model wrote is what a stranger typed: call only what is listed. What goes wrong is a result too.
string Run(ChatCompletionsToolCall call)
{
    if (!functions.TryGetValue(call.Name, out var function)) return $"error: no function {call.Name}";
    try
    {
        return function(JsonDocument.Parse(call.Arguments).RootElement);
    }
    catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
    {
        return $"error: {error.Message}";
    }
}
ChatCompletionsOptions talk = Ask(User("How many native speakers do Spanish and Bengali have?"));
talk.Model = toolModel;
talk.Tools.Add(tool);
try
{
    ChatCompletions answer = client.Complete(talk).Value;
    talk.Messages.Add(new ChatRequestAssistantMessage(answer));
    foreach (ChatCompletionsToolCall call in answer.ToolCalls)
    {
        Console.WriteLine($"{call.Name} {call.Arguments}");
        talk.Messages.Add(new ChatRequestToolMessage(content: Run(call), toolCallId: call.Id));
    }
    if (answer.ToolCalls.Count > 0) Console.WriteLine(client.Complete(talk).Value.Content);
}
catch (RequestFailedException error)
{
    Console.WriteLine($"Tools are refused here: {error.Status}");
}

Begin("Pass extra parameters");
// With AdditionalProperties the package sends the header extra-parameters: pass-through. What comes of them is only in
// the raw response.
ChatCompletionsOptions sure = Ask(User(prompt));
sure.MaxTokens = 4;
sure.AdditionalProperties["logprobs"] = BinaryData.FromObjectAsJson(true);
using JsonDocument raw = JsonDocument.Parse(client.Complete(sure).GetRawResponse().Content.ToString());
JsonElement logprobs = raw.RootElement.GetProperty("choices")[0].GetProperty("logprobs");
Console.WriteLine($"log probabilities: {logprobs.ValueKind == JsonValueKind.Object}");

Begin("Call asynchronously");
string[] questions =
{
    "In one sentence, why do languages disappear?",
    "In one sentence, how is a new language born?",
    "In one sentence, which language is the hardest to learn?",
};
foreach (var answer in await Task.WhenAll(questions.Select(question => client.CompleteAsync(Ask(User(question))))))
{
    Console.WriteLine($"- {answer.Value.Content}");
}

Begin("Handle errors and retries");
// The package waits as told and tries again, three times unless Retry says otherwise.
var patience = new AzureAIInferenceClientOptions { Retry = { MaxRetries = 5 } };
ChatCompletionsClient patient = key is null
    ? new ChatCompletionsClient(endpoint, new DefaultAzureCredential(), patience)
    : new ChatCompletionsClient(endpoint, new AzureKeyCredential(key), patience);
ChatCompletionsClient stranger = new(endpoint, new AzureKeyCredential("wrong"));
ChatCompletionsClient lost = new(new Uri(endpoint, "v2"), new AzureKeyCredential(key ?? "none"));
ChatCompletionsOptions cold = Ask(counting);
cold.Temperature = -1;
var attempts = new Dictionary<string, Func<ChatCompletions>>
{
    ["a wrong key"] = () => stranger.Complete(Ask(counting)).Value,
    ["a wrong address"] = () => lost.Complete(Ask(counting)).Value,
    ["a wrong value"] = () => client.Complete(cold).Value,
    ["more patience"] = () => patient.Complete(Ask(counting)).Value,
};
foreach (var (what, attempt) in attempts)
{
    try
    {
        Console.WriteLine($"{what}: {attempt().FinishReason}");
    }
    catch (RequestFailedException error)
    {
        Console.WriteLine($"{what}: {error.Status} {error.ErrorCode}"); // Message has many lines more
    }
}

Begin("Know the limits of this client");
// It cannot choose between error, drop and pass-through. With an extra parameter it sends pass-through; a stream goes
// without the header, so the service refuses extra parameters there. It shows only the first of several choices, and no
// log probabilities. And it has a client for what these deployments do not do:
try
{
    var embeddings = new EmbeddingsClient(endpoint, new AzureKeyCredential(key ?? "none"));
    embeddings.Embed(new EmbeddingsOptions(new[] { prompt }));
}
catch (RequestFailedException error)
{
    Console.WriteLine(error.Status);
}
