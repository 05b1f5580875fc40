// The cookbook's tasks in C#, with Microsoft's package for the Azure AI Model Inference API.
// Tested by hand on 2026-11-28: compiled and run with .NET 10.0.13 and older versions of both packages.
// Not tested: `dotnet run` with exactly the versions of the lines #:package, since there was no .NET SDK.
// What was tried with which versions: ../README.md.
// The package is a beta and its API is deprecated: for new code take openai-sdk.cs.
// Run: AZURE_INFERENCE_ENDPOINT=https://… AZURE_INFERENCE_CREDENTIAL=… dotnet run azure-ai-inference.cs
// In a project of your own: dotnet add package Azure.AI.Inference --version 1.0.0-beta.5 and Azure.Identity
#:package Azure.AI.Inference@1.0.0-beta.5
#:package Azure.Identity@1.17.1
#:property PublishAot=false
using System.Text.Json;
using Azure;
using Azure.AI.Inference;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;

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
// "localhost:8000" is an absolute address, too, of the scheme localhost.
if (!Uri.TryCreate(Variable("AZURE_INFERENCE_ENDPOINT"), UriKind.Absolute, out var endpoint)
    || endpoint.Scheme is not ("http" or "https"))
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
ChatRequestUserMessage User(string content) => new(content);
ChatCompletionsOptions Ask(params ChatRequestMessage[] turns) => new(turns) { Model = model, MaxTokens = 256 };
// Message is the whole exchange; its first line is the service's own.
string Said(Exception error) => error.Message.Split('\n')[0].Trim();

Begin("Connect with a key");
ChatCompletionsClient Connect(Uri address, AzureAIInferenceClientOptions options) => key is null
    ? new ChatCompletionsClient(address, new DefaultAzureCredential(), options)
    : new ChatCompletionsClient(address, new AzureKeyCredential(key), options);

Begin("Connect with Microsoft Entra ID");
// Without a key, the package asks for the scope https://ml.azure.com/.default, and fetches a new token in time. For
// another one, such as https://ai.azure.com/.default of a Foundry resource, add a policy: it comes after the package's.
// On your own machine, new DefaultAzureCredential(includeInteractiveCredentials: true) also opens a browser to sign in.
AzureAIInferenceClientOptions Settings()
{
    var options = new AzureAIInferenceClientOptions();
    if (key is null && Variable("AZURE_INFERENCE_SCOPE") is { } scope)
    {
        var policy = new BearerTokenAuthenticationPolicy(new DefaultAzureCredential(), scope);
        options.AddPolicy(policy, HttpPipelinePosition.PerRetry);
    }
    return options;
}
ChatCompletionsClient client = Connect(endpoint, Settings());

Begin("Ask what is deployed");
// Some endpoints have no /info. This is the first request, so what keeps it from being answered is told here.
try
{
    ModelInfo info = client.GetModelInfo().Value;
    Console.WriteLine($"{info.ModelName} by {info.ModelProviderName}");
}
catch (RequestFailedException error) when (error.Status is 404 or 424)
{
    Console.WriteLine($"{error.Status} nothing at /info");
}
catch (Exception error) when (error is RequestFailedException or AggregateException or AuthenticationFailedException)
{
    Console.Error.WriteLine($"{endpoint} cannot be used: {Said(error)}");
    return 1;
}

Begin("Complete a chat");
ChatCompletions completion;
try
{
    completion = client.Complete(Ask(new ChatRequestSystemMessage(tone), User(prompt))).Value;
}
catch (RequestFailedException error) when (error.Status is 400 or 422 or 424)
{
    Console.WriteLine($"Refused with a system message: {error.Status}"); // by 7B v01 on managed compute
    completion = client.Complete(Ask(User($"{tone}\n{prompt}"))).Value;
}
catch (RequestFailedException error)
{
    Console.Error.WriteLine($"{endpoint} cannot be used: {Said(error)}");
    return 1;
}
Console.WriteLine(completion.Content);
Console.WriteLine($"Finish reason: {completion.FinishReason}");
CompletionsUsage usage = completion.Usage;
Console.WriteLine($"{usage.PromptTokens} + {usage.CompletionTokens} = {usage.TotalTokens} tokens");

Begin("Send a system message");
var french = new ChatRequestSystemMessage("Answer in French, in one short sentence.");
try
{
    Console.WriteLine(client.Complete(Ask(french, User(prompt))).Value.Content);
}
catch (RequestFailedException error)
{
    Console.WriteLine($"Refused here, so put the instruction above the question, as before: {error.Status}");
}

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
// Where a stream ends without its last line, this package reads on for ever. So leave once the finish reason and the
// usage are there, and limit the time: a minute for the whole, and a second for the usage after the finish reason.
CompletionsUsage? streamed = null;
bool finished = false;
using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
try
{
    using var stream = await client.CompleteStreamingAsync(Ask(User(prompt)), limit.Token);
    await foreach (StreamingChatCompletionsUpdate update in stream.WithCancellation(limit.Token))
    {
        Console.Write(update.ContentUpdate);
        streamed = update.Usage ?? streamed;
        if (update.FinishReason is not null) finished = true;
        if (finished && streamed is not null) break;
        if (finished) limit.CancelAfter(TimeSpan.FromSeconds(1));
    }
}
catch (Exception error) when (error is IOException or JsonException or OperationCanceledException)
{
    Console.WriteLine($"\n{error.Message}");
}
var count = streamed?.CompletionTokens.ToString() ?? "unknown"; // managed compute does not say in a stream
Console.WriteLine(finished ? $"\n{count} tokens" : "\nThe answer broke off.");

Begin("Shape the answer with parameters");
ChatRequestUserMessage counting = User("Count from one to ten in Spanish.");
ChatRequestUserMessage naming = User("Suggest a name for a language school.");
ChatRequestUserMessage chant = User("Write a chant for a team of translators.");
ChatCompletionsOptions brief = Ask(counting), stopped = Ask(counting), plain = Ask(counting);
ChatCompletionsOptions first = Ask(naming), drawn = Ask(naming), narrow = Ask(naming);
ChatCompletionsOptions repeated = Ask(chant), varied = Ask(chant), fresh = Ask(chant);
brief.MaxTokens = 8;
stopped.StopSequences.Add("cinco");
plain.ResponseFormat = ChatCompletionsResponseFormat.CreateTextFormat();
first.Temperature = drawn.Temperature = narrow.Temperature = 1;
first.Seed = 1;
drawn.Seed = narrow.Seed = 5;
narrow.NucleusSamplingFactor = 0.2f; // top_p
repeated.Temperature = varied.Temperature = fresh.Temperature = 0;
varied.FrequencyPenalty = 1.5f;
fresh.PresencePenalty = 2;
var settings = new Dictionary<string, ChatCompletionsOptions>
{
    ["max_tokens 8"] = brief,
    ["stop cinco"] = stopped,
    ["response_format text"] = plain,
    ["temperature 1, seed 1"] = first,
    ["temperature 1, seed 5"] = drawn,
    ["the same with top_p 0.2"] = narrow,
    ["no penalty"] = repeated,
    ["frequency_penalty 1.5"] = varied,
    ["presence_penalty 2"] = fresh,
};
foreach (var (what, options) in settings)
{
    ChatCompletions answer = client.Complete(options).Value;
    Console.WriteLine($"{what} → {answer.Content} → {answer.FinishReason}");
}

Begin("Ask for JSON");
// Where there is no JSON mode, ask in the prompt, and be ready for something else.
ChatCompletionsOptions wanted = Ask(User(
    "List the three languages with the most native speakers as a JSON array of objects with the keys language and "
    + "speakers_millions. Answer with JSON only."));
try
{
    wanted.ResponseFormat = ChatCompletionsResponseFormat.CreateJsonFormat();
    client.Complete(wanted);
    Console.WriteLine("JSON mode is there.");
}
catch (RequestFailedException error)
{
    Console.WriteLine($"{error.Status} {Said(error)}");
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
try
{
    using JsonDocument raw = JsonDocument.Parse(client.Complete(sure).GetRawResponse().Content.ToString());
    JsonElement choice = raw.RootElement.GetProperty("choices")[0];
    bool came = choice.TryGetProperty("logprobs", out var logprobs) && logprobs.ValueKind == JsonValueKind.Object;
    Console.WriteLine($"log probabilities: {came}");
}
catch (RequestFailedException error)
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
// Two at a time, which is as many as managed compute takes unless it is told otherwise.
foreach (var pair in questions.Chunk(2))
{
    var asked = pair.Select(question => client.CompleteAsync(Ask(User(question))));
    foreach (var answer in await Task.WhenAll(asked)) Console.WriteLine($"- {answer.Value.Content}");
}

Begin("Handle errors and retries");
// The package tries again three times, unless Retry says otherwise; 424 it does not try again. Between two tries it
// waits for Retry-After or its own pause, whichever is longer.
AzureAIInferenceClientOptions patience = Settings();
patience.Retry.MaxRetries = 5;
ChatCompletionsClient patient = Connect(endpoint, patience), lost = Connect(new Uri(endpoint, "v2"), Settings());
ChatCompletionsClient stranger = new(endpoint, new AzureKeyCredential("wrong"));
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
        Console.WriteLine($"{what}: {error.Status} {Said(error)}");
    }
}

Begin("Know the limits of this client");
// It cannot choose between error, drop and pass-through. With an extra parameter it sends pass-through; a stream goes
// without the header, so the service refuses extra parameters there. It shows only the first of several choices, and no
// log probabilities. And it has a client for what these deployments do not do:
try
{
    EmbeddingsClient embeddings = key is null
        ? new EmbeddingsClient(endpoint, new DefaultAzureCredential(), Settings())
        : new EmbeddingsClient(endpoint, new AzureKeyCredential(key), Settings());
    embeddings.Embed(new EmbeddingsOptions(new[] { prompt }));
}
catch (RequestFailedException error)
{
    Console.WriteLine(error.Status);
}
return 0;
