"""Addresses that nobody may have the server call are refused, and nothing is left of that."""

from __future__ import annotations

import pytest

from tests.bad_input import forms
from tests.bad_input.traces import nothing_left_by
from tests.bad_input.wire import ask, assert_refused, head
from tests.support.stack import Stack

REFUSED = [
    ("http://example.org/", "invalid_url"),
    ("ftp://example.org/", "invalid_url"),
    ("example.org", "invalid_url"),
    ("https://", "invalid_url"),
    ("https://user:password@example.org/", "invalid_url"),
    ("https://example.org:22/", "invalid_url"),
    ("https://b\u00fccher.example/", "invalid_url"),
    (f"https://example.org/{2048 * 'a'}", "invalid_url"),
    ("https://127.0.0.1/", "forbidden_address"),
    ("https://[::1]/", "forbidden_address"),
    ("https://10.0.0.1:8443/", "forbidden_address"),
    ("https://169.254.169.254/latest/meta-data", "forbidden_address"),
    ("https://[::ffff:192.168.0.1]/", "forbidden_address"),
]


@pytest.mark.parametrize("file_first", [True, False])
@pytest.mark.parametrize(("url", "code"), REFUSED)
def test_a_callback_to_where_it_may_not_go_is_refused(
    strict: Stack, url: str, code: str, *, file_first: bool
) -> None:
    field = forms.text("callback_url", url.encode())
    parts = [forms.file(), field] if file_first else [field, forms.file()]
    with nothing_left_by(strict):
        answer = ask(strict.url, forms.submission(forms.form(*parts)))
        assert_refused(answer, 400, code, param="callback_url")


@pytest.mark.parametrize(("url", "code"), REFUSED)
def test_so_is_its_registration(strict: Stack, url: str, code: str) -> None:
    answer = strict.client.post("/v1/webhooks", json={"url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["param"] == "url"
    assert strict.client.get("/v1/webhooks").json() == {"webhooks": []}


@pytest.mark.parametrize(
    "body", [{}, {"url": 1}, {"url": None}, {"url": "https://a.example", "owner": "bob"}, []]
)
def test_a_body_that_is_no_registration_is_refused(strict: Stack, body: object) -> None:
    answer = strict.client.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_body")


def test_there_is_an_end_to_registrations(strict: Stack) -> None:
    urls = [{"url": f"https://{number}.example/"} for number in range(11)]
    answers = [strict.client.post("/v1/webhooks", json=url) for url in urls]
    for answer in answers[:-1]:
        assert strict.client.delete(answer.headers["location"]).status_code == 204
    last = answers[-1]
    assert (last.status_code, last.json()["error"]["code"]) == (409, "too_many_webhooks")


@pytest.mark.parametrize("message_id", ["msg_1", "%00", "../x", 300 * "a", "%ff"])
@pytest.mark.parametrize(
    "path", ["/v1/webhooks/{}", "/v1/webhook-deliveries/{}", "/v1/webhook-deliveries/{}/resend"]
)
def test_an_id_that_is_none_is_not_found(
    strict_anywhere: Stack, path: str, message_id: str
) -> None:
    method = "POST" if path.endswith("resend") else "GET"
    answer = ask(strict_anywhere.url, head(path.format(message_id), method=method))
    assert answer.status == 404


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "state=sent", "cursor=x", "webhook=x", "job_id=%00", "webhook_id=wh_1"],
)
def test_a_parameter_that_is_none_is_refused(strict_anywhere: Stack, query: str) -> None:
    answer = ask(strict_anywhere.url, head(f"/v1/webhook-deliveries?{query}", method="GET"))
    assert_refused(answer, 400, "invalid_parameter", param=query.partition("=")[0])
