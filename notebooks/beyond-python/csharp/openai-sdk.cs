// The cookbook's tasks in C#, with the OpenAI package: the one to take for new code.
// Tested by hand on 2026-11-28: compiled and run with .NET 10.0.13 and a build of the package's own source.
// Not tested: `dotnet run` with exactly the versions of the lines #:package, since there was no .NET SDK.
// What was tried with which versions: ../README.md.
// Run: AZURE_INFERENCE_ENDPOINT=https://… AZURE_INFERENCE_CREDENTIAL=… dotnet run openai-sdk.cs
// In a project of your own: dotnet add package OpenAI --version 2.15.0 and Azure.Identity
#:package OpenAI@2.15.0
#:package Azure.Identity@1.21.0
#:property PublishAot=false
#pragma warning disable OPENAI001, SCME0001 // of names that the package marks as experimental, as Seed and Patch
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Azure.Identity;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Models;

// An empty variable counts as none.
string? Variable(string name)
{
    var value = Environment.GetEnvironmentVariable(name);
    return string.IsNullOrEmpty(value) ? null : value;
}
var model = Variable("AZURE_INFERENCE_MODEL") ?? "mistralai-Mistral-7B-Instruct-v01";
// Of the four open models one can call tools. A model of another name, as on a Foundry resource, is asked itself.
var toolModel = model.StartsWith("mistralai-") ? "mistralai-Mixtral-8x22B-Instruct-v0-1" : model;
const string prompt = "How many languages are in the world?";
const string tone = "You are a helpful assistant.";
var key = Variable("AZURE_INFERENCE_CREDENTIAL");
// A Foundry resource has other ones: /openai/v1, and https://ai.azure.com/.default.
var v1 = Variable("AZURE_INFERENCE_OPENAI_ENDPOINT") ?? $"{Variable("AZURE_INFERENCE_ENDPOINT")}/v1";
var scope = Variable("AZURE_INFERENCE_SCOPE") ?? "https://ml.azure.com/.default";
// On Linux and macOS "/v1" alone is an absolute address, that of a file.
if (!Uri.TryCreate(v1, UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("http" or "https"))
{
    Console.Error.WriteLine("Set AZURE_INFERENCE_ENDPOINT to the endpoint's address, such as https://….azure.com");
    return 1;
}
if (key is null && endpoint.Scheme != "https")
{
    Console.Error.WriteLine("Set AZURE_INFERENCE_CREDENTIAL to the key: tokens do not travel over plain http.");
    return 1;
}

void Begin(string task) => Console.WriteLine($"\n## {task}");
UserChatMessage User(string content) => new(content);
// When the service refuses, the last line of Message is its own sentence; when something else fails, the first says it.
string Said(Exception error)
{
    var lines = error.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    return error is ClientResultException ? lines[^1] : lines[0];
}
// MaxOutputTokenCount goes out as max_completion_tokens, which managed compute drops; Patch sends the old name.
ChatCompletionOptions Limit(int tokens)
{
    var options = new ChatCompletionOptions();
    options.Patch.Set("$.max_tokens"u8, tokens);
    return options;
}

Begin("Connect with a key");
var settings = new OpenAIClientOptions { Endpoint = endpoint, NetworkTimeout = TimeSpan.FromSeconds(30) };
BearerTokenPolicy Token() => new(new DefaultAzureCredential(), scope);
ChatClient Connect(string name, OpenAIClientOptions options) => key is null
    ? new ChatClient(name, Token(), options)
    : new ChatClient(model: name, credential: new ApiKeyCredential(key), options: options);

Begin("Connect with Microsoft Entra ID");
// Without a key, the policy asks for a token before each request. On your own machine,
// new DefaultAzureCredential(includeInteractiveCredentials: true) also opens a browser to sign in.
ChatClient client = Connect(model, settings), toolClient = Connect(toolModel, settings);

Begin("Ask what is deployed");
// The package knows the route /v1/models, and not /info. This is the first request, so what keeps it from being
// answered is told here.
try
{
    OpenAIModelClient models = key is null
        ? new OpenAIModelClient(Token(), settings)
        : new OpenAIModelClient(new ApiKeyCredential(key), settings);
    foreach (OpenAIModel each in (await models.GetModelsAsync()).Value)
    {
        Console.WriteLine($"{each.Id} by {each.OwnedBy}");
    }
}
catch (ClientResultException error) when (error.Status is 404 or 424)
{
    Console.WriteLine($"{error.Status} nothing at /v1/models");
}
catch (Exception error) when (error is ClientResultException or AggregateException or AuthenticationFailedException)
{
    Console.Error.WriteLine($"{endpoint} cannot be used: {Said(error)}");
    return 1;
}

Begin("Complete a chat");
ChatCompletionOptions cool = Limit(256);
cool.Temperature = 0;
ChatCompletion completion;
try
{
    var both = new ChatMessage[] { new SystemChatMessage(tone), User(prompt) };
    completion = await client.CompleteChatAsync(both, cool);
}
catch (ClientResultException error) when (error.Status is 400 or 422 or 424)
{
    Console.WriteLine($"Refused with a system message: {error.Status}"); // by 7B v01 on managed compute
    completion = await client.CompleteChatAsync(new ChatMessage[] { User($"{tone}\n{prompt}") }, cool);
}
catch (ClientResultException error)
{
    Console.Error.WriteLine($"{endpoint} cannot be used: {Said(error)}");
    return 1;
}
Console.WriteLine(completion.Content[0].Text);
Console.WriteLine($"Finish reason: {completion.FinishReason}");
ChatTokenUsage usage = completion.Usage;
Console.WriteLine($"{usage.InputTokenCount} + {usage.OutputTokenCount} = {usage.TotalTokenCount} tokens");

Begin("Send a system message");
var french = new SystemChatMessage("Answer in French, in one short sentence.");
try
{
    ChatCompletion shorter = await client.CompleteChatAsync(new ChatMessage[] { french, User(prompt) }, Limit(256));
    Console.WriteLine(shorter.Content[0].Text);
}
catch (ClientResultException error)
{
    Console.WriteLine($"Refused here, so put the instruction above the question, as before: {error.Status}");
}

Begin("Hold a conversation");
var messages = new List<ChatMessage> { User(prompt) };
foreach (var question in new[] { "Which one has the most native speakers?", "How do you say good morning in it?" })
{
    ChatCompletion answer = await client.CompleteChatAsync(messages, Limit(256));
    messages.Add(new AssistantChatMessage(answer));
    messages.Add(User(question));
}
ChatCompletion last = await client.CompleteChatAsync(messages, Limit(256));
Console.WriteLine(last.Content[0].Text);

Begin("Stream the answer");
// The package asks for the usage by itself. An error in the middle ends the stream silently: look for a finish reason.
ChatTokenUsage? streamed = null;
bool finished = false;
var turns = new ChatMessage[] { User(prompt) };
try
{
    await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(turns, Limit(256)))
    {
        foreach (ChatMessageContentPart part in update.ContentUpdate) Console.Write(part.Text);
        finished = finished || update.FinishReason is not null;
        streamed = update.Usage ?? streamed;
    }
}
catch (Exception error) when (error is IOException or JsonException)
{
    Console.WriteLine($"\n{error.Message}");
}
var count = streamed?.OutputTokenCount.ToString() ?? "unknown"; // managed compute does not say in a stream
Console.WriteLine(finished ? $"\n{count} tokens" : "\nThe answer broke off.");

Begin("Shape the answer with parameters");
UserChatMessage counting = User("Count from one to ten in Spanish.");
UserChatMessage naming = User("Suggest a name for a language school.");
UserChatMessage chant = User("Write a chant for a team of translators.");
ChatCompletionOptions brief = Limit(8), stopped = Limit(256), plain = Limit(256);
ChatCompletionOptions first = Limit(256), drawn = Limit(256), narrow = Limit(256);
ChatCompletionOptions repeated = Limit(256), varied = Limit(256), fresh = Limit(256);
stopped.StopSequences.Add("cinco");
plain.ResponseFormat = ChatResponseFormat.CreateTextFormat();
first.Temperature = drawn.Temperature = narrow.Temperature = 1;
first.Seed = 1;
drawn.Seed = narrow.Seed = 5;
narrow.TopP = 0.2f;
repeated.Temperature = varied.Temperature = fresh.Temperature = 0;
varied.FrequencyPenalty = 1.5f;
fresh.PresencePenalty = 2;
var tried = new (string What, UserChatMessage Asked, ChatCompletionOptions Options)[]
{
    ("max_tokens 8", counting, brief),
    ("stop cinco", counting, stopped),
    ("response_format text", counting, plain),
    ("temperature 1, seed 1", naming, first),
    ("temperature 1, seed 5", naming, drawn),
    ("the same with top_p 0.2", naming, narrow),
    ("no penalty", chant, repeated),
    ("frequency_penalty 1.5", chant, varied),
    ("presence_penalty 2", chant, fresh),
};
foreach (var (what, asked, options) in tried)
{
    ChatCompletion answer = await client.CompleteChatAsync(new ChatMessage[] { asked }, options);
    Console.WriteLine($"{what} → {answer.Content[0].Text} → {answer.FinishReason}");
}

Begin("Ask for JSON");
// Where there is no JSON mode, ask in the prompt, and be ready for something else.
var wanted = new ChatMessage[]
{
    User("List the three languages with the most native speakers as a JSON array of objects with the keys language and "
        + "speakers_millions. Answer with JSON only."),
};
ChatCompletionOptions json = Limit(256);
json.Temperature = 0;
try
{
    json.ResponseFormat = ChatResponseFormat.CreateJsonObjectFormat();
    await client.CompleteChatAsync(wanted, json);
    Console.WriteLine("JSON mode is there.");
}
catch (ClientResultException error)
{
    Console.WriteLine($"{error.Status} {Said(error)}");
}
try
{
    json.ResponseFormat = ChatResponseFormat.CreateTextFormat();
    ChatCompletion written = await client.CompleteChatAsync(wanted, json);
    using JsonDocument parsed = JsonDocument.Parse(written.Content[0].Text);
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
var tool = ChatTool.CreateFunctionTool(
    "native_speakers",
    "Look up how many people speak a language natively.",
    BinaryData.FromString("""
        {"type": "object", "properties": {"language": {"type": "string", "description": "In English"}},
         "required": ["language"]}
        """));
// What the model wrote is what a stranger typed: call only what is listed. What goes wrong is a result too.
string Run(ChatToolCall call)
{
    if (!functions.TryGetValue(call.FunctionName, out var function)) return $"error: no function {call.FunctionName}";
    try
    {
        return function(JsonDocument.Parse(call.FunctionArguments.ToString()).RootElement);
    }
    catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
    {
        return $"error: {error.Message}";
    }
}
var talk = new List<ChatMessage> { User("How many native speakers do Spanish and Bengali have?") };
ChatCompletionOptions offered = Limit(256);
offered.Tools.Add(tool);
try
{
    ChatCompletion answer = await toolClient.CompleteChatAsync(talk, offered);
    talk.Add(new AssistantChatMessage(answer));
    foreach (ChatToolCall call in answer.ToolCalls)
    {
        Console.WriteLine($"{call.FunctionName} {call.FunctionArguments}");
        talk.Add(new ToolChatMessage(call.Id, Run(call)));
    }
    if (answer.ToolCalls.Count > 0)
    {
        ChatCompletion said = await toolClient.CompleteChatAsync(talk, offered);
        Console.WriteLine(said.Content[0].Text);
    }
}
catch (ClientResultException error)
{
    Console.WriteLine($"Tools are refused here: {error.Status}");
}

Begin("Pass extra parameters");
// Under /v1 the service hands to the model what the API does not name; this package has names for log probabilities.
ChatCompletionOptions sure = Limit(4);
sure.IncludeLogProbabilities = true;
sure.TopLogProbabilityCount = 2;
try
{
    ChatCompletion answer = await client.CompleteChatAsync(new ChatMessage[] { User(prompt) }, sure);
    var probabilities = answer.ContentTokenLogProbabilities;
    if (probabilities.Count == 0) Console.WriteLine("None came back: they were dropped on the way.");
    foreach (var each in probabilities)
    {
        Console.WriteLine($"\"{each.Token}\" {100 * Math.Exp(each.LogProbability):F0} %");
    }
}
catch (ClientResultException error)
{
    Console.WriteLine($"Log probabilities are refused here: {error.Status}");
}

Begin("Call asynchronously");
string[] questions =
{
    "In one sentence, why do languages disappear?",
    "In one sentence, how is a new language born?",
    "In one sentence, which language is the hardest to learn?",
};
async Task<string> Answer(string question)
{
    ChatCompletion answer = await client.CompleteChatAsync(new ChatMessage[] { User(question) }, Limit(256));
    return answer.Content[0].Text;
}
// Two at a time, which is as many as managed compute takes unless it is told otherwise.
foreach (var pair in questions.Chunk(2))
{
    foreach (var answer in await Task.WhenAll(pair.Select(Answer))) Console.WriteLine($"- {answer}");
}

Begin("Handle errors and retries");
// The package tries again three times, without a pause unless the answer has Retry-After. 424 it does not try again.
var stranger = new ChatClient(model, new ApiKeyCredential("wrong"), settings);
var patience = new OpenAIClientOptions { Endpoint = endpoint, RetryPolicy = new ClientRetryPolicy(5) };
var elsewhere = new OpenAIClientOptions { Endpoint = new Uri(endpoint, "v2") };
ChatCompletionOptions cold = Limit(256);
cold.Temperature = -1;
var hello = new ChatMessage[] { counting };
var attempts = new Dictionary<string, Func<Task<ClientResult<ChatCompletion>>>>
{
    ["a wrong key"] = () => stranger.CompleteChatAsync(hello),
    ["a wrong address"] = () => Connect(model, elsewhere).CompleteChatAsync(hello),
    ["a wrong value"] = () => client.CompleteChatAsync(hello, cold),
    ["more patience"] = () => Connect(model, patience).CompleteChatAsync(hello, Limit(256)),
};
foreach (var (what, attempt) in attempts)
{
    try
    {
        Console.WriteLine($"{what}: {(await attempt()).Value.FinishReason}");
    }
    catch (ClientResultException error)
    {
        Console.WriteLine($"{what}: {error.Status} {Said(error)}");
    }
}

Begin("Know the limits of this client");
// It asks for max_completion_tokens, which managed compute ignores; see Limit above. Of an error that comes as an event
// in a stream it says nothing. And it has clients for what these deployments do not do:
try
{
    EmbeddingClient embeddings = key is null
        ? new EmbeddingClient(model, Token(), settings)
        : new EmbeddingClient(model, new ApiKeyCredential(key), settings);
    await embeddings.GenerateEmbeddingAsync(prompt);
}
catch (ClientResultException error)
{
    Console.WriteLine(error.Status);
}
return 0;
