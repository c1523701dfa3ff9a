"""Who is refused: other hosts and origins, those without the token, and those who ask too much."""

import asyncio
import json
import logging

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from tests.web.asking import PNG, asking, digits, digits_model, picture

from lookalike.web.security import Access, Guard, Limits, known_hosts, refuse

BODY = {"content": picture(digits()[0][0]), "headers": PNG}


@pytest.fixture(scope="module")
def client():
    with asking() as client:
        yield client


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000", "[::1]:8000"]
)
def test_names_that_the_server_is_known_by(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8000",  # a name that was pointed at 127.0.0.1
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:8001",
        "localhost.evil.example:8000",
        "localhost:8000.evil.example",
        "user@localhost:8000",
        "localhost:8000,evil.example",
        "192.168.1.7:8000",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/static/page.js", "/nothing"])
def test_all_other_names_are_refused_everywhere(client, host, path):
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 403
    assert "127.0.0.1:8000" in answer.json()["detail"]


def test_a_server_that_others_reach_is_known_by_its_addresses_and_given_names():
    access = Access(known_hosts(8000, ["pi.local", "example.org:443", "fe80::1"]), any_address=True)
    for host in ("pi.local", "PI.local:8000", "example.org:443", "192.168.1.7:8000",
                 "[fe80::2]:8000", "10.0.0.1", "[::2]", "[fe80::1]:8000"):  # fmt: skip
        assert access.knows(host), host
    for host in ("evil.example", "example.org:8000", "1.2.3.4.evil.example", "1.2.3.4:x", "[::2",
                 "", "1.2.3.4:", "::2:8000", "[1.2.3.4.5]:8000", "0x7f.1:8000"):  # fmt: skip
        assert not access.knows(host), host
    assert "localhost" in known_hosts(80)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:8001",
        "http://127.0.0.1",
        "http://localhost:8000",  # another origin than that of 127.0.0.1, to browsers too
        "http://127.0.0.1:8000.evil.example",
        "file://127.0.0.1:8000",
        "127.0.0.1:8000",
        "",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/predict"), ("POST", "/samples?label=1"), ("DELETE", "/samples/1"),
     ("POST", "/save"), ("GET", "/model"), ("OPTIONS", "/samples")],
)  # fmt: skip
def test_pages_of_other_origins_are_refused(client, method, path, origin):
    answer = client.request(method, path, headers={"origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_behind_a_proxy_that_hides_its_name_the_refusal_says_what_to_set(client):
    """As nginx's plain ``proxy_pass`` sends it."""
    headers = {**PNG, "host": "127.0.0.1:8000", "origin": "https://example.org"}
    assert client.get("/", headers={"host": "127.0.0.1:8000"}).status_code == 200
    told = client.post("/predict", content=BODY["content"], headers=headers).json()["detail"]
    assert "proxy_set_header Host $http_host;" in told
    assert "--name" in told


def test_the_servers_own_page_is_let_in(client):
    own = {**PNG, "origin": "http://127.0.0.1:8000"}
    assert client.post("/predict", content=BODY["content"], headers=own).status_code == 200


WRITES = [("POST", "/samples?label=1"), ("DELETE", "/samples/1"), ("POST", "/save"),
          ("PUT", "/samples"), ("PATCH", "/samples/1"), ("POST", "/samples/"), ("POST", "/nothing"),
          ("POST", "/predict/"), ("DELETE", "/predict/../samples/1")]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Bearer", "Basic owl", "owl", "Bearer owl2", "Bearer \xe9"]
)
def test_writing_needs_the_token(method, path, header):
    access = Access(known_hosts(8000), token="owl")
    headers = [(b"host", b"localhost:8000")]
    if header is not None:
        headers.append((b"authorization", header.encode("latin-1")))
    status, answer, headers = ask(_never, access=access, method=method, path=path, headers=headers)
    assert status == 401
    assert headers[b"www-authenticate"] == b"Bearer"
    assert "Bearer TOKEN" in answer["detail"]


@pytest.mark.parametrize("root", ["", "/digits", "/predict"])
def test_a_root_path_changes_nothing_about_who_may_write(root):
    access = Access(known_hosts(8000), token="owl")
    for path, status in (("/predict", 200), ("/samples", 401), ("/save", 401)):
        assert ask(well, access=access, path=path, root=root)[0] == status
        assert ask(well, access=access, path=root + path, root=root)[0] == (401 if root else status)


def test_the_token_lets_write_and_reading_needs_none():
    with asking(digits_model(), token="owl") as client:
        assert client.post("/predict", **BODY).status_code == 200
        assert client.get("/samples").status_code == 200
        assert client.get("/model").json()["can_write"] is False
        assert client.post("/samples?label=1", **BODY).status_code == 401
        for scheme in ("Bearer", "bearer"):
            token = {"authorization": f"{scheme} owl"}
            assert client.get("/model", headers=token).json()["can_write"] is True
            added = client.post(
                "/samples?label=1", content=BODY["content"], headers={**PNG, **token}
            )
            assert added.status_code == 201
        assert (
            client.get("/model", headers={"authorization": "Bearer no"}).json()["can_write"]
            is False
        )


@pytest.mark.parametrize(
    "path", ["/", "/static/page.js", "/model", "/nothing", "/docs", "/metrics"]
)
def test_every_answer_carries_the_headers_that_protect_browsers(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("unsafe" in policy) == (path == "/docs")  # which is of Swagger UI's making
    assert "access-control-allow-origin" not in headers


def test_refusals_carry_them_too(client):
    answer = client.get("/", headers={"host": "evil.example"})
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


# --- Against applications that behave badly ------------------------------------------------------


async def _never(scope, receive, send):
    raise AssertionError("was let in")


def ask(app, *, access=None, limits=None, **request):
    """Return the status, the JSON and the headers that come through a guard."""
    guard = Guard(app, access=access or Access(known_hosts(8000)), limits=limits or Limits())
    return asyncio.run(_ask(guard, **request))


async def _ask(guard, receive=None, method="POST", path="/predict", headers=None, root=""):
    sent = []

    async def send(message):
        sent.append(message)

    async def nothing():
        return {"type": "http.request", "body": b""}

    headers = [(b"host", b"localhost:8000")] if headers is None else headers
    path = path.partition("?")[0]
    scope = {"type": "http", "method": method, "path": root + path, "root_path": root}
    scope |= {"raw_path": scope["path"].encode(), "headers": headers}
    await guard(scope, receive or nothing, send)
    if not sent:
        return None
    start, body = sent
    return start["status"], json.loads(body["body"]), dict(start["headers"])


async def well(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"{}"})


def test_two_hosts_and_none_are_refused():
    host = (b"host", b"localhost:8000")
    assert ask(well, headers=[host])[0] == 200
    assert ask(_never, headers=[host, host])[0] == 403
    assert ask(_never, headers=[])[0] == 403


def test_who_asks_too_much_at_once_is_told_to_wait():
    async def run():
        gate = asyncio.Event()

        async def slow(scope, receive, send):
            await gate.wait()
            await well(scope, receive, send)

        guard = Guard(slow, access=Access(known_hosts(8000)), limits=Limits(requests=3))
        first = [asyncio.ensure_future(_ask(guard)) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await _ask(guard)
        gate.set()
        always = await _ask(guard, path="/healthz")
        answered = await asyncio.gather(*first)
        return refused, always, answered, await _ask(guard)

    refused, always, answered, after = asyncio.run(run())
    assert refused[0] == 429
    assert refused[2][b"retry-after"] == b"1"
    assert "3 requests" in refused[1]["detail"]
    assert [one[0] for one in (always, *answered, after)] == [200] * 5


def test_a_body_that_comes_too_slowly_and_an_answer_that_takes_too_long():
    async def drop_by_drop():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def slow(scope, receive, send):
        await asyncio.sleep(10)

    limits = Limits(seconds=0.1)
    status, answer, headers = ask(well, limits=limits, receive=drop_by_drop)
    assert (status, headers[b"connection"]) == (408, b"close")
    assert "0.1 seconds" in answer["detail"]
    status, answer, headers = ask(slow, limits=limits)
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert "0.1 seconds" in answer["detail"]
    assert "GET /samples shows" in ask(slow, limits=limits, path="/samples")[1]["detail"]


class Sender:
    """Sends a body of some pieces, and counts those that were taken."""

    def __init__(self, n_pieces, size=600):
        self.left, self.size = n_pieces, size

    async def __call__(self):
        assert self.left, "asked for more than there is"
        self.left -= 1
        return {"type": "http.request", "body": b"x" * self.size, "more_body": self.left > 0}


def told(length, *more):
    return [(b"host", b"localhost:8000"), (b"content-length", b"%d" % length), *more]


async def reading(scope, receive, send):
    """Reads as FastAPI does, which makes answers of HTTP's exceptions."""
    try:
        await well(scope, receive, send)
    except HTTPException as refusal:
        await refuse(send, refusal)


@pytest.mark.parametrize("headers", [None, told(10)], ids=["no length", "a lie"])
def test_a_body_is_counted_as_it_comes(headers):
    sender = Sender(5)
    limits = Limits(body_bytes=1000)
    assert ask(reading, limits=limits, receive=sender, headers=headers)[0] == 413
    assert sender.left == 0  # the client, who has sent all, reads the answer now
    assert ask(reading, limits=limits, receive=Sender(1), headers=headers)[0] == 200


def test_a_body_that_is_too_long_by_its_length_never_reaches_the_application():
    limits = Limits(body_bytes=1000)
    for length, sender, left in ((3000, Sender(5), 0), (10**9, Sender(5), 5)):
        assert ask(_never, limits=limits, receive=sender, headers=told(length))[0] == 413
        assert sender.left == left
    # who waits to be told to send is told not to
    sender = Sender(5)
    waiting = told(3000, (b"expect", b"100-continue"))
    assert ask(_never, limits=limits, receive=sender, headers=waiting)[0] == 413
    assert sender.left == 5


def test_the_bodies_of_all_requests_together_have_a_limit_too():
    async def run():
        gate = asyncio.Event()

        async def slow(scope, receive, send):
            await reading(scope, receive, held(send))

        def held(send):
            async def later(message):
                await gate.wait()
                await send(message)

            return later

        limits = Limits(body_bytes=1000, all_body_bytes=900)
        guard = Guard(slow, access=Access(known_hosts(8000)), limits=limits)
        first = asyncio.ensure_future(_ask(guard, Sender(1)))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(_ask(guard, Sender(1)))
        await asyncio.sleep(0)
        gate.set()
        return await first, await second, await _ask(guard, Sender(1))

    first, refused, after = asyncio.run(run())
    assert (first[0], refused[0], after[0]) == (200, 429, 200)
    assert refused[2][b"retry-after"] == b"1"
    assert "limit of 900 bytes" in refused[1]["detail"]


def test_an_endless_body_is_not_taken_for_ever():
    sender = Sender(10**9, size=10**4)
    assert ask(reading, limits=Limits(body_bytes=1000), receive=sender)[0] == 413
    assert 10**9 - sender.left < 10


def test_a_failure_is_answered_and_logged_but_not_shown(caplog):
    async def fail(scope, receive, send):
        raise RuntimeError("secret")

    with caplog.at_level(logging.ERROR):
        status, answer, headers = ask(fail)
    assert status == 500
    assert "secret" not in answer["detail"]
    assert "secret" in caplog.text
    assert b"content-security-policy" in headers


def test_who_has_gone_is_not_answered(caplog):
    async def gone(scope, receive, send):
        raise ClientDisconnect

    assert ask(gone) is None
    assert not caplog.records
