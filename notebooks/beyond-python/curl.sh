#!/usr/bin/env bash
# The cookbook's tasks with curl. It needs bash, curl 7.66 or newer, and jq, which writes and reads the JSON.
# Run: AZURE_INFERENCE_ENDPOINT=https://… AZURE_INFERENCE_CREDENTIAL=… bash curl.sh
# A Foundry resource has several deployments: say which in AZURE_INFERENCE_MODEL.
begin() { printf '\n## %s\n' "$1"; }

begin "Connect with a key"
url="$AZURE_INFERENCE_ENDPOINT/chat/completions?api-version=2024-05-01-preview"
# For jq: the answer's text, or the service's error message.
text='(.choices // error(.error.message? // .message))[0].message.content'
# Send a JSON body; further arguments are curl's own. The key goes to curl on its standard input (--header @-),
# because the process list shows the arguments of a running command to everyone.
post() {
  local body=$1
  if [[ ${AZURE_INFERENCE_MODEL-} ]]; then body=$(jq '{model: env.AZURE_INFERENCE_MODEL} + .' <<< "$body"); fi
  curl --silent --show-error --max-time 30 --header @- --header "Content-Type: application/json" \
    --data "$body" "${@:2}" "$url" <<< "Authorization: Bearer $AZURE_INFERENCE_CREDENTIAL"
}

begin "Connect with Microsoft Entra ID"
# A token stands where the key stood. It lasts about an hour; then fetch another.
if [[ ! ${AZURE_INFERENCE_CREDENTIAL-} ]]; then
  scope=${AZURE_INFERENCE_SCOPE:-https://ml.azure.com/.default} # a Foundry resource has https://ai.azure.com/.default
  if [[ ${IDENTITY_ENDPOINT-} ]]; then # a managed identity, where Azure sets this variable and the next one
    token="$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=${scope%/.default}"
    AZURE_INFERENCE_CREDENTIAL=$(
      curl --silent --show-error --max-time 30 --header @- "$token" <<< "X-IDENTITY-HEADER: $IDENTITY_HEADER" |
        jq --raw-output .access_token
    )
  else # after `az login`; no test of the cookbook runs this line
    AZURE_INFERENCE_CREDENTIAL=$(
      az account get-access-token --scope "$scope" --query accessToken --output tsv
    )
  fi
fi

begin "Ask what is deployed"
# Some endpoints have no /info; then --fail makes curl say so.
curl --silent --show-error --fail --max-time 30 --header @- \
  "$AZURE_INFERENCE_ENDPOINT/info?api-version=2024-05-01-preview" \
  <<< "Authorization: Bearer $AZURE_INFERENCE_CREDENTIAL" |
  jq --raw-output '"\(.model_name) by \(.model_provider_name)"'

begin "Complete a chat"
answer=$(post '{
  "messages": [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "How many languages are in the world?"}
  ],
  "temperature": 0, "max_tokens": 256
}')
if ! jq --exit-status .choices <<< "$answer" > /dev/null; then # Mistral-7B v01 on managed compute refuses the role
  echo "The system message is refused here."
  answer=$(post '{
    "messages": [{"role": "user", "content": "You are a helpful assistant.\nHow many languages are in the world?"}],
    "temperature": 0, "max_tokens": 256
  }')
fi
jq --raw-output "$text" <<< "$answer"
jq --raw-output '"Finish reason: \(.choices[0].finish_reason)"' <<< "$answer"
jq --raw-output '.usage | "\(.prompt_tokens) + \(.completion_tokens) = \(.total_tokens) tokens"' <<< "$answer"

begin "Send a system message"
post '{
  "messages": [
    {"role": "system", "content": "Answer in French, in one short sentence."},
    {"role": "user", "content": "How many languages are in the world?"}
  ],
  "max_tokens": 256
}' | jq --raw-output "$text" || echo "Refused here: put the instruction above the question, as before."

begin "Hold a conversation"
messages='[]'
for question in "How many languages are in the world?" "Which one has the most native speakers?" \
  "How do you say good morning in it?"; do
  messages=$(jq --arg question "$question" '. + [{role: "user", content: $question}]' <<< "$messages")
  answer=$(post "$(jq '{messages: ., max_tokens: 256}' <<< "$messages")")
  messages=$(jq --argjson answer "$answer" '. + [$answer.choices[0].message]' <<< "$messages")
done
jq --raw-output '.[-1].content' <<< "$messages"

begin "Stream the answer"
post '{
  "messages": [
    {"role": "user", "content": "Draft a reply to a customer whose parcel is three days late, in two sentences."}
  ],
  "max_tokens": 256, "stream": true
}' --no-buffer |
  jq --raw-input --join-output --unbuffered '
    select(startswith("data: {")) | ltrimstr("data: ") | fromjson |
    (.choices[0].delta.content // ""), (.usage // empty | "\n\(.completion_tokens) tokens\n")'

begin "Shape the answer with parameters"
counting="Count from one to ten in Spanish."
naming="Suggest a name for a language school."
chant="Write a chant for a team of translators."
while IFS='|' read -r asked setting; do
  body=$(jq --null-input '{messages: [{role: "user", content: $asked}], temperature: 0, max_tokens: 256} + $setting' \
    --arg asked "$asked" --argjson setting "$setting")
  post "$body" | jq --raw-output '.choices[0] | "\($setting) → \(.message.content) → \(.finish_reason)"' \
    --arg setting "$setting"
done << SETTINGS
$counting|{"max_tokens": 8}
$counting|{"stop": ["cinco"]}
$counting|{"response_format": {"type": "text"}}
$naming|{"temperature": 1, "seed": 1}
$naming|{"temperature": 1, "seed": 5}
$naming|{"temperature": 1, "seed": 5, "top_p": 0.2}
$chant|{"frequency_penalty": 0}
$chant|{"frequency_penalty": 1.5}
$chant|{"presence_penalty": 2}
SETTINGS

begin "Ask for JSON"
# Where there is no JSON mode, ask in the prompt, and be ready for something else.
wanted="List the three languages with the most native speakers as a JSON array of objects with the keys language and \
speakers_millions. Answer with JSON only."
body=$(jq --null-input '{messages: [{role: "user", content: $wanted}], max_tokens: 256}' --arg wanted "$wanted")
post "$(jq '.response_format.type = "json_object"' <<< "$body")" --write-out '%{http_code}' |
  jq --slurp --raw-output 'if last == 200 then "JSON mode is there." else "\(last) \(first.code)" end'
post "$(jq '.temperature = 0' <<< "$body")" | jq --raw-output "$text" | jq --compact-output '.[]' ||
  echo "Not the JSON that was asked for."

begin "Call tools"
native_speakers() {
  case $1 in Bengali) echo "234 million" ;; Spanish) echo "485 million" ;; *) echo "unknown" ;; esac
}
tools='[{
  "type": "function",
  "function": {
    "name": "native_speakers",
    "description": "Look up how many people speak a language natively.",
    "parameters": {
      "type": "object",
      "properties": {"language": {"type": "string", "description": "In English"}},
      "required": ["language"]
    }
  }
}]'
# Treat what the model wrote like a stranger's input: call only functions that are listed. An error goes back as a
# result, too.
run() {
  local language
  case $1 in
    native_speakers) language=$(jq --raw-output .language <<< "$2" 2>&1) && native_speakers "$language" ||
      echo "error: $language" ;;
    *) echo "error: no function $1" ;;
  esac
}
# Only one of the four open models can call tools, so the request goes to that one. A model with another name, as on a
# Foundry resource, gets the request itself.
tool_model=mistralai-Mixtral-8x22B-Instruct-v0-1
[[ ${AZURE_INFERENCE_MODEL:-mistralai-} == mistralai-* ]] || tool_model=$AZURE_INFERENCE_MODEL
ask() {
  post "$(jq '{model: $model, messages: ., tools: $tools, max_tokens: 256}' \
    --arg model "$tool_model" --argjson tools "$tools" <<< "$messages")"
}

messages='[{"role": "user", "content": "How many native speakers do Spanish and Bengali have?"}]'
answer=$(ask)
messages=$(jq '. + [$answer.choices[0].message]' --argjson answer "$answer" <<< "$messages")
while IFS=$'\t' read -r id name arguments; do
  echo "$name $arguments"
  result=$(run "$name" "$arguments")
  messages=$(jq '. + [{role: "tool", tool_call_id: $id, content: $result}]' \
    --arg id "$id" --arg result "$result" <<< "$messages")
done < <(jq --raw-output '.choices[0].message.tool_calls[]? | "\(.id)\t\(.function.name)\t\(.function.arguments)"' \
  <<< "$answer")
ask | jq --raw-output "$text" || echo "Tools are refused here."

begin "Pass extra parameters"
# The header extra-parameters decides what becomes of a parameter that the API does not name.
for choice in error drop pass-through; do
  post '{
    "messages": [{"role": "user", "content": "How many languages are in the world?"}],
    "max_tokens": 4, "logprobs": true
  }' --header "extra-parameters: $choice" --write-out '%{http_code}' |
    jq --slurp --raw-output --arg choice "$choice" '"\($choice) → " +
      if last == 200 then "log probabilities: \(first.choices[0].logprobs != null)" else "\(last)" end'
done

begin "Call asynchronously"
folder=$(mktemp -d)
number=0
for question in "In one sentence, why do languages disappear?" "In one sentence, how is a new language born?" \
  "In one sentence, which language is the hardest to learn?"; do
  body=$(jq --null-input '{messages: [{role: "user", content: $question}], max_tokens: 256}' --arg question "$question")
  number=$((number + 1))
  post "$body" > "$folder/$number" & # in the background, and on to the next
  # Two at a time, which is as many as managed compute takes unless it is told otherwise.
  if ((number % 2 == 0)); then wait; fi
done
wait
jq --raw-output "\"- \" + $text" "$folder"/*
rm -r "$folder"

begin "Handle errors and retries"
# Without --fail, curl treats an error like any other answer. With --retry it waits as Retry-After says and tries again;
# --fail then keeps the refusals out of the answer. Not every body contains the status, so curl appends it.
hello='{"messages": [{"role": "user", "content": "How many languages are in the world?"}], "max_tokens": 256}'
told() { post "$1" --write-out '%{http_code}' | jq --slurp --raw-output "$refusal"; }
refusal='"\(last) \((first | objects | (.error | objects) // . | .message // .detail) // "without a word")"'
echo "a wrong key: $(AZURE_INFERENCE_CREDENTIAL=wrong told "$hello")"
echo "a wrong address: $(url="$AZURE_INFERENCE_ENDPOINT/v2/chat/completions" told "$hello")"
echo "a wrong value: $(told "$(jq '.temperature = -1' <<< "$hello")")"
echo "more patience: $(post "$hello" --fail --retry 5 | jq --raw-output '.choices[0].finish_reason')"

begin "Know the limits of this client"
# curl checks nothing that is sent. Only one of the two routes refuses a parameter whose name is misspelt.
for route in "$url" "${AZURE_INFERENCE_OPENAI_ENDPOINT:-$AZURE_INFERENCE_ENDPOINT/v1}/chat/completions"; do
  misspelt='{"messages": [{"role": "user", "content": "How many languages are in the world?"}], "temprature": 0}'
  url=$route post "$misspelt" --output /dev/null --write-out "/${route#*://*/} → %{http_code}\n"
done
