"""Uses a server through the unmodified `openai` package, as other programs do.

Takes the server's base URL, its key, the names of its two models and texts to embed. Raises when
something is not as the client's own documentation has it; else prints one JSON document with the
directions of the texts, in both ways to send them, for the caller to check.
"""

import json
import sys

import openai

base_url, key, generator, embedder, *texts = sys.argv[1:]

# Without retries an error is what the server said first.
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=30.0)

MESSAGES = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": "Tell me a story."},
]
GREEDY = {"max_tokens": 24, "temperature": 0}


def expect(is_right, what):
    """An assertion that no option of Python leaves out."""
    if not is_right:
        raise SystemExit(f"not as expected: {what}")


def raised(kind, call):
    """The error of class `kind` that `call` has to raise."""
    try:
        call()
    except openai.APIStatusError as error:
        expect(type(error) is kind, f"{error!r} is not {kind.__name__}")
        return error
    raise SystemExit(f"not as expected: no {kind.__name__}")


def chat(**options):
    usual = {"model": generator, "messages": MESSAGES, **GREEDY}
    return client.chat.completions.create(**(usual | options))


def check_models():
    names = [model.id for model in client.models.list()]
    expect(names == [generator, embedder], names)


def check_chat():
    whole = chat()
    text = whole.choices[0].message.content
    expect(text, "an answer")
    expect(whole.choices[0].message.role == "assistant", whole)
    expect(whole.choices[0].finish_reason == "length", whole)
    expect(whole.usage.completion_tokens == GREEDY["max_tokens"], whole.usage)
    expect(
        whole.usage.total_tokens
        == whole.usage.prompt_tokens + whole.usage.completion_tokens,
        whole.usage,
    )
    pieces, reasons, usages = [], [], []
    for chunk in chat(stream=True, stream_options={"include_usage": True}):
        if chunk.usage is not None:
            usages.append(chunk.usage)
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            if choice.finish_reason is not None:
                reasons.append(choice.finish_reason)
    expect("".join(pieces) == text, (pieces, text))
    expect(sum(piece != "" for piece in pieces) > 1, "an answer in one piece")
    expect(reasons == ["length"], reasons)
    expect(len(usages) == 1, usages)
    expect(usages[0].total_tokens == whole.usage.total_tokens, usages)


def check_leaving():
    """A stream that is closed in the middle leaves the client as good as new."""
    stream = chat(stream=True, max_tokens=1000)
    next(stream)
    stream.close()
    expect(chat().choices[0].message.content, "an answer after a stream was left")


def check_completion():
    options = {"model": generator, "prompt": "Once upon a time", **GREEDY}
    text = client.completions.create(**options).choices[0].text
    pieces = [
        chunk.choices[0].text
        for chunk in client.completions.create(stream=True, **options)
    ]
    expect(text and "".join(pieces) == text, (pieces, text))


def embeddings():
    as_numbers = client.embeddings.create(
        model=embedder, input=texts, encoding_format="float"
    )
    # Without a format the client asks for base64, and turns it into numbers itself.
    response = client.embeddings.with_raw_response.create(model=embedder, input=texts)
    sent = response.http_response.json()["data"][0]["embedding"]
    expect(isinstance(sent, str), "the client asks for base64 by itself")
    from_base64 = response.parse()
    for answer in (as_numbers, from_base64):
        expect(answer.model == embedder, answer.model)
        expect([one.index for one in answer.data] == list(range(len(texts))), answer.data)
        expect(answer.usage.total_tokens == answer.usage.prompt_tokens, answer.usage)
    one = client.embeddings.create(model=embedder, input=texts[0])
    expect(len(one.data) == 1, "one text has one direction")
    return {
        "float": [list(one.embedding) for one in as_numbers.data],
        "base64": [list(one.embedding) for one in from_base64.data],
        "prompt_tokens": as_numbers.usage.prompt_tokens,
    }


def check_errors():
    unknown = raised(openai.NotFoundError, lambda: chat(model="another"))
    expect(unknown.code == "model_not_found", unknown.code)
    expect(unknown.param == "model", unknown.param)
    raised(
        openai.NotFoundError,
        lambda: client.embeddings.create(model="another", input=texts),
    )
    long_text = "word " * 3000
    long_prompt = raised(
        openai.BadRequestError,
        lambda: chat(messages=[{"role": "user", "content": long_text}]),
    )
    expect(long_prompt.code == "context_length_exceeded", long_prompt.code)
    long_input = raised(
        openai.BadRequestError,
        lambda: client.embeddings.create(model=embedder, input=[*texts, long_text]),
    )
    expect(long_input.code == "context_length_exceeded", long_input.code)
    streamed = raised(openai.BadRequestError, lambda: chat(stream=True, n=2))
    expect(streamed.param == "n", streamed.param)
    stranger = client.with_options(api_key="wrong")
    bad_key = raised(openai.AuthenticationError, stranger.models.list)
    expect(bad_key.code == "invalid_api_key", bad_key.code)


check_models()
check_chat()
check_leaving()
check_completion()
directions = embeddings()
check_errors()
print(json.dumps(directions))
