"""Sending of messages: permitted addresses, TLS, redirects, signatures and delays."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.webhooks.sending import MOST_ATTEMPTS, Policy, Refused, Sender, check_url, delay, is_public, signature
from tests.service.webhooks.receiver import HOST, Receiver, receiving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
PRIVATE = Policy(private=True)
DAY = 24 * 3600 * 1_000_000


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as receiver:
        yield receiver


def loopback(host: str, port: int) -> list[str]:
    assert host == HOST
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.4", "192.168.1.1", "127.0.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(address)
    sender = Sender(Policy(), resolve=lambda host, port: ["93.184.216.34", address])
    reply = sender.send("https://office.example/hook", b"{}", {})
    assert reply.status is None
    assert reply.problem is not None
    assert "private, loopback or link-local" in reply.problem


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_accepted(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://office.example/", "must be an address such as"),
        ("office.example", "must be an address such as"),
        ("http://office.example/", "must begin with https"),
        ("https://user:word@office.example/", "must not contain a user"),
        ("https://office.example/#part", "must be ASCII"),
        ("https://office.example/a b", "must be ASCII"),
        ("https://office.example:99999/", "cannot be read"),
        ("https://127.0.0.1/", "is a private address"),
        ("https://[::1]/", "is a private address"),
        ("https://" + "x" * 3000, "must be ASCII"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, problem: str) -> None:
    with pytest.raises(Refused, match=problem.replace("(", r"\(")):
        check_url(url, Policy())


def test_http_and_private_addresses_are_accepted_if_the_policy_allows_them() -> None:
    assert check_url("http://10.0.0.1/x", Policy(http=True, private=True)).hostname == "10.0.0.1"


def test_a_message_goes_to_the_checked_address_and_tls_checks_the_host_name(receiver: Receiver) -> None:
    reply = Sender(PRIVATE, resolve=loopback, context=receiver.context()).send(receiver.url, b'{"a":1}', {"X": "y"})
    assert (reply.status, reply.problem) == (200, None)
    [(path, headers, body)] = receiver.got
    assert (path, headers["Host"], headers["X"], body) == ("/hook?x=1", f"{HOST}:{receiver.port}", "y", b'{"a":1}')


def test_a_certificate_of_another_name_or_authority_is_refused(receiver: Receiver) -> None:
    other = receiver.url.replace(HOST, "other.example")
    for url, context in ((other, receiver.context()), (receiver.url, None)):
        reply = Sender(PRIVATE, resolve=lambda host, port: ["127.0.0.1"], context=context).send(url, b"{}", {})
        assert reply.status is None
        assert "certificate" in (reply.problem or "").lower()
    assert receiver.got == []


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses = [302]
    reply = Sender(PRIVATE, resolve=loopback, context=receiver.context()).send(receiver.url, b"{}", {})
    assert (reply.status, reply.problem) == (302, "the answer was 302; redirects are not followed")
    assert [path for path, _, _ in receiver.got] == ["/hook?x=1"]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_another_refusal_does_not_mention_redirects(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    reply = Sender(PRIVATE, resolve=loopback, context=receiver.context()).send(receiver.url, b"{}", {})
    assert (reply.status, reply.problem) == (status, f"the answer was {status}")


def test_a_host_is_resolved_once_per_message(receiver: Receiver) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    resolved: list[str] = []

    def changing(host: str, port: int) -> list[str]:
        resolved.append(host)
        return answers.pop(0)

    assert Sender(PRIVATE, resolve=changing, context=receiver.context()).send(receiver.url, b"{}", {}).status == 200
    assert resolved == [HOST]


def test_an_unreachable_or_unknown_host_is_reported_as_a_problem() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("unknown")

    assert "cannot be resolved" in (
        Sender(PRIVATE, resolve=unknown).send("https://office.example", b"", {}).problem or ""
    )
    closed = Sender(PRIVATE, resolve=loopback).send(f"https://{HOST}:1/", b"", {})
    assert (closed.problem or "").startswith("no answer: ")


def test_a_signature_covers_time_and_body() -> None:
    signed = signature("whsec_x", 1_700_000_000, b'{"a":1}')
    expected = hmac.new(b"whsec_x", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert signed == f"t=1700000000,v1={expected}"


def test_random_delays_double_up_to_six_hours_and_add_up_to_one_to_three_days() -> None:
    assert [delay(number, 1.0) // 1_000_000 for number in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert delay(5, 0.0) * 2 == delay(5, 1.0)
    assert delay(100, 1.0) == 6 * 3600 * 1_000_000
    shortest, longest = (sum(delay(number, chance) for number in range(1, MOST_ATTEMPTS)) for chance in (0.0, 1.0))
    assert 1 * DAY < shortest < longest < 4 * DAY
