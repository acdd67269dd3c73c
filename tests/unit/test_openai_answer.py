"""What is made of a model's answer: of any form that makes sense, and of nothing that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.providers.openai_answer import recognition, usage
from services.tagger.providers.provider import Recognition, Usage

CAT_AND_SOFA = [({"en": "cat"}, 0.9), ({"en": "sofa"}, 0.4)]
NO_IDEA = [({"en": "cat"}, None), ({"en": "sofa"}, None)]


def response(content: Any, **choice: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    return json.dumps({"choices": [{"message": message, **choice}]}).encode()


def read(content: Any, locale: str = "en") -> Recognition:
    return recognition(response(content), locale)


def found(content: Any, locale: str = "en") -> list[tuple[dict[str, str], float | None]]:
    return [(dict(tag.names), tag.confidence) for tag in read(content, locale).tags]


STRICT = '{"tags": [{"name": "cat", "confidence": 0.9}, {"name": "sofa", "confidence": 0.4}]}'


@pytest.mark.parametrize(
    "content",
    [
        STRICT,
        f"```json\n{STRICT}\n```",
        f"```\n{STRICT}\n```\nI hope this helps!",
        f"Sure! Here is what [1] I see {{roughly}}:\n\n{STRICT}\n\nAnything else?",
        f'It is no ["dog"]: {STRICT}',
        f'<think>Perhaps {{"tags": ["dog"]}}? No.</think>\n{STRICT}',
        f'{{"photo": {STRICT}}}',
        f"[{STRICT}]",
        [{"type": "text", "text": STRICT}],
        [{"type": "text", "text": STRICT[:20]}, {"type": "output_text", "text": STRICT[20:]}, None],
        '[{"name": "cat", "confidence": 0.9}, {"name": "sofa", "confidence": 0.4}]',
        '{"tags": {"sofa": 0.4, "cat": 0.9}}',
        '{"tags": [{"names": "cat", "confidence": 0.9}, {"name": "sofa", "confidence": 0.4}]}',
        STRICT.replace('"name": "cat"', '"names": {"en": "cat", "fr": 3}').replace("0.9", '"90 %"'),
        STRICT.replace("0.4", '"0,4"'),
    ],
)
def test_an_answer_is_found_in_whatever_form(content: Any) -> None:
    assert found(content) == CAT_AND_SOFA


@pytest.mark.parametrize(
    "content",
    [
        '["cat", "sofa"]',
        'Tags:\n["cat", "sofa"]',
        '{"tags": ["cat", "sofa"]}',
        '{"tags": "cat, sofa"}',
        '{"tags": "Cat;\\nsofa\\n"}',
        '{"tags": [{"name": "cat", "confidence": true}, {"name": "sofa", "confidence": "so so"}]}',
        '{"tags": [{"name": "cat", "confidence": NaN}, {"name": "sofa", "confidence": 1e999}]}',
        '{"tags": [{"name": "cat", "confidence": -5}, {"name": "sofa", "confidence": [1]}]}',
        '{"tags": [{"name": "cat", "confidence": 7}, {"name": "sofa", "confidence": 101}]}',
    ],
)
def test_without_a_confidence_that_can_be_told_there_is_none(content: str) -> None:
    assert found(content) == NO_IDEA


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ([0.98, 0.5, 1], [0.98, 0.5, 1.0]),
        ([95, 40, 1], [0.95, 0.4, 0.01]),
        ([85, 0.9, 1], [0.85, 0.9, 1.0]),
        ([1, 1, 0], [1.0, 1.0, 0.0]),
        ([8, 9, 1], [None, None, 1.0]),
        (["high", "very low", "95 %"], [0.85, 0.1, 0.95]),
        (["élevée", "Moyenne", "faible"], [0.85, 0.6, 0.3]),
    ],
)
def test_confidences_are_read_by_the_measure_that_the_answer_has(
    said: list[Any], meant: list[float | None]
) -> None:
    tags = [{"name": f"tag {i}", "confidence": number} for i, number in enumerate(said)]
    read = {names["en"]: number for names, number in found(json.dumps({"tags": tags}))}

    assert [read[f"tag {i}"] for i in range(len(said))] == meant


def test_a_plain_name_is_of_the_language_that_was_asked_for() -> None:
    assert found('["chat"]', "fr") == [({"fr": "chat"}, None)]


def test_a_tag_without_a_name_in_the_language_that_was_asked_for_is_none() -> None:
    assert found('{"tags": [{"names": {"en": "cat"}}, {"names": {"fr": "chien"}}]}', "fr") == [
        ({"fr": "chien"}, None)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "<b>cat</b>", "cat<script>alert(1)</script>", "{{7*7}}", "[cat](http://a.b)", "a=1",
        "&lt;b&gt;", "`cat`", "cat\\n", "x" * 65, "many words " * 400, "", " ",
        "\u202e\u200b", "---", "\ud800", None, 7, ["cat"], {"en": "cat"},
    ],
)  # fmt: skip
def test_what_is_no_name_is_no_tag(name: Any) -> None:
    assert found(json.dumps({"tags": [{"name": name}, {"name": "cat"}]})) == [({"en": "cat"}, None)]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("  Black\u00a0 CAT\n", "black cat"),
        ("c\u202eat\u0000", "c at"),
        ("e\u0301te\u0301", "été"),
        ("c\u0336\u0336\u0336\u0336\u0336at", "c\u0336\u0336at"),
        ("\uff43\uff41\uff54", "cat"),
        ("l'arc-en-ciel & co. / 2", "l'arc-en-ciel & co. / 2"),
        ("हिन्दी", "हिन्दी"),
        ('«chat», "roux" (1)!?', "chat roux 1"),
        ("cat\U0001f63a", "cat"),
    ],
)
def test_names_are_of_letters_digits_and_a_few_signs(name: str, kept: str) -> None:
    assert found(json.dumps({"tags": [{"name": name}]})) == [({"en": kept}, None)]


def test_ten_thousand_tags_are_a_dozen() -> None:
    names = [f"tag {number}" for number in range(10_000)]
    tags = [{"names": {"en": name}, "confidence": 0.5} for name in names]

    assert len(found(json.dumps({"tags": tags}))) == 12
    assert len(found(json.dumps({"tags": ", ".join(names)}))) == 12


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Un <b>chat</b>\u202e roux.\n", "Un chat roux."),
        ("<script>alert(1)</script>Un chat.", "alert(1) Un chat."),
        ("3 < 5", "3 5"),
        ("<img src=x onerror=alert(1)>", None),
        ("\u0000\ud800\u200b", None),
        (["Un chat."], None),
        (None, None),
    ],
)
def test_caption_and_alt_text_are_one_plain_line(said: Any, kept: str | None) -> None:
    read = recognition(response(json.dumps({"tags": [], "caption": said, "alt": said})), "fr")

    assert (read.caption, read.alt) == (kept, kept)


def test_caption_and_alt_text_are_of_bounded_length() -> None:
    text = "é" * 300_000
    read = recognition(response(json.dumps({"tags": [], "caption": text, "alt": text})), "fr")

    assert (read.caption, read.alt) == ("é" * 500, "é" * 200)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"choices": []}', b'{"choices": [null]}',
        b'{"choices": [{"message": null}]}', b'{"choices": [{"message": "text"}]}',
        b'{"choices": {"0": 1}}', b"[" * 100_000, b"9" * 100_000, response(None), response(7),
        response([]), response(""), response("no JSON"), response("{}"), response("[]"),
        response('{"error": ["no tags"]}'), response('{"tags": 7}'), response('{"tags": null}'),
        response("[1, 2]"),
        response(STRICT[:-10]), response("[" * 100_000), response('{"a":' * 100_000),
        response(STRICT, finish_reason="length"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_may_do_so_at_another_try(body: bytes) -> None:
    with pytest.raises(RetryableError) as raised:
        recognition(body, "fr")

    assert raised.value.code == "provider_bad_answer"


@pytest.mark.parametrize("content", ["\ud800", "no JSON", STRICT, None])
def test_what_it_cost_is_read_whatever_the_answer_is(content: str | None) -> None:
    used = {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    body = json.dumps({"choices": [{"message": {"content": content}}], **used}).encode()

    assert usage(body) == Usage(7, 3)


@pytest.mark.parametrize("details", [None, [], {}, {"cached_tokens": -1}, {"cached_tokens": 1e30}])
def test_what_it_cost_is_read_without_details_that_make_no_sense(details: Any) -> None:
    used = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": details}
    assert usage(json.dumps({"usage": used}).encode()) == Usage(7, 3)


def test_more_tokens_than_a_call_can_have_are_not_believed() -> None:
    used = {"usage": {"prompt_tokens": 10**18, "completion_tokens": 3}}
    assert usage(json.dumps(used).encode()) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"[" * 100_000, b'{"usage": {}}', b"\xff"])
def test_what_it_cost_may_not_be_told(body: bytes) -> None:
    assert usage(body) is None


def test_a_refusal_is_for_good() -> None:
    refused = {"choices": [{"message": {"content": None, "refusal": "I can't help with that."}}]}
    for body in (json.dumps(refused).encode(), response(STRICT, finish_reason="content_filter")):
        with pytest.raises(PermanentError) as raised:
            recognition(body, "fr")

        assert (raised.value.code, raised.value.text) == ("provider_refused", "OpenAI API error")
