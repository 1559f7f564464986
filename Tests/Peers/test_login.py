"""How browsers log in to `husk serve`: by the URL with the token, or by the form."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, urljoin

import pytest
import requests
from playwright.sync_api import Browser

from peers.reference import Reference
from peers.server import Server

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

FILE = {"type": "file", "format": "text", "content": "x"}


@pytest.fixture
def browser_session() -> Iterator[requests.Session]:
    """A client that keeps cookies and has no token."""
    with requests.Session() as session:
        yield session


class Form(HTMLParser):
    """The form of a page: where it is sent, and what is in it."""

    def __init__(self, page: requests.Response) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.method: str | None = None
        self.action: str | None = None
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes what there is to fill in."""
        values = dict(attrs)
        if tag == "form":
            self.method, self.action = values.get("method"), values.get("action")
        name = values.get("name")
        if tag == "input" and name is not None:
            self.fields[name] = values.get("value") or ""


def submit(session: requests.Session, page: requests.Response, password: str) -> requests.Response:
    """Fills in the form of a page as a browser does."""
    form = Form(page)
    assert form.method == "post"
    assert "password" in form.fields
    return session.post(
        urljoin(page.url, form.action or page.url),
        data=form.fields | {"password": password},
        allow_redirects=False,
        timeout=10,
    )


def test_token_in_the_url_is_enough(server: Server, browser_session: requests.Session) -> None:
    """The first page gives both cookies; with them a page may write, and another site may not."""
    opened = browser_session.get(f"{server.url}/?token={server.token}", timeout=10)
    assert opened.status_code == 200
    xsrf = browser_session.cookies["_xsrf"]
    assert len(xsrf) >= 32
    url = f"{server.url}/api/contents/by-cookie.txt"
    for headers, status in (
        ({"X-XSRFToken": xsrf}, 201),
        ({"X-XSRFToken": xsrf[:-1]}, 403),
        ({}, 403),
        ({"X-XSRFToken": xsrf, "Origin": "http://elsewhere.example"}, 404),
    ):
        put = browser_session.put(url, json=FILE, headers=headers, timeout=10)
        assert put.status_code == status, headers
    patched = browser_session.patch(
        url, json={"path": "moved.txt"}, headers={"X-XSRFToken": xsrf}, timeout=10
    )
    assert patched.status_code == 200
    made = browser_session.post(f"{server.url}/api/kernels?_xsrf={xsrf}", timeout=10)
    assert made.status_code == 201
    kernel = f"{server.url}/api/kernels/{made.json()['id']}"
    assert browser_session.delete(kernel, timeout=10).status_code == 403
    deleted = browser_session.delete(kernel, headers={"X-XSRFToken": xsrf}, timeout=10)
    assert deleted.status_code == 204


def test_cookies_are_kept(server: Server, browser_session: requests.Session) -> None:
    """A page that is opened again gives none of them anew."""
    browser_session.get(f"{server.url}/?token={server.token}", timeout=10)
    again = browser_session.get(f"{server.url}/", timeout=10)
    assert again.status_code == 200
    assert "Set-Cookie" not in again.headers


def test_form(server: Server, browser_session: requests.Session) -> None:
    """Without a token one is led to the form, and from there to where one wanted to go."""
    page = browser_session.get(f"{server.url}/lab/tree/a%20b?x=1", timeout=10)
    assert page.status_code == 200
    assert page.url == f"{server.url}/login?next=%2Flab%2Ftree%2Fa%2520b%3Fx%3D1"
    assert page.headers["Content-Type"] == "text/html; charset=UTF-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "<script" not in page.text
    refused = submit(browser_session, page, "wrong")
    assert refused.status_code == 401
    assert "Invalid credentials" in refused.text
    assert not [name for name in browser_session.cookies if name.name.startswith("username")]
    entered = submit(browser_session, refused, server.token)
    assert entered.status_code == 302
    assert entered.headers["Location"] == "/lab/tree/a%20b?x=1"
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert server.token not in cookie
    assert browser_session.get(f"{server.url}/api/kernels", timeout=10).status_code == 200
    seen = browser_session.get(page.url, allow_redirects=False, timeout=10)
    assert (seen.status_code, seen.headers["Location"]) == (302, "/lab/tree/a%20b?x=1")


@pytest.mark.parametrize(
    "page",
    ["//evil.example", "http://evil.example/", r"/\evil.example", "/\t/evil.example", "lab", ""],
)
def test_logins_lead_nowhere_else(
    server: Server, browser_session: requests.Session, page: str
) -> None:
    """Only to a page of this server."""
    form = browser_session.get(f"{server.url}/login?next={quote(page, safe='')}", timeout=10)
    entered = submit(browser_session, form, server.token)
    assert (entered.status_code, entered.headers["Location"]) == (302, "/")


def test_form_of_another_site(server: Server, browser_session: requests.Session) -> None:
    """Nobody is logged in by a page that cannot read the cookie, and a user sees the form again."""
    page = browser_session.get(f"{server.url}/login", timeout=10)
    data = {"password": server.token}
    for wrong in (data, data | {"_xsrf": "x"}, data | {"_xsrf": ""}):
        refused = browser_session.post(page.url, data=wrong, timeout=10, allow_redirects=False)
        assert refused.status_code == 403
        assert "username" not in refused.headers.get("Set-Cookie", "")
        assert set(Form(refused).fields) == {"_xsrf", "password"}
    right = data | {"_xsrf": browser_session.cookies["_xsrf"]}
    other = browser_session.post(
        page.url, data=right, headers={"Origin": "http://evil.example"}, timeout=10
    )
    assert other.status_code == 404
    large = browser_session.post(page.url, data=right | {"x": "x" * 70_000}, timeout=10)
    assert large.status_code == 413
    assert submit(browser_session, page, server.token).status_code == 302


def test_cookie_of_somebody_else(server: Server) -> None:
    """What a client says that it is does not become part of the page."""
    cookie = {"Cookie": "_xsrf=\"><script>x</script>&'"}
    page = requests.get(f"{server.url}/login", headers=cookie, timeout=10)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert Form(page).fields["_xsrf"] == "\"><script>x</script>&'"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_login_alike(server: Server, reference: Reference, method: str) -> None:
    """Status and cookies of the login page, with a token and without."""
    for headers in ({}, {"Authorization": "token wrong"}):
        answers = [
            requests.request(method, f"{s.url}/login", headers=headers, timeout=10)
            for s in (server, reference)
        ]
        ours, theirs = [(a.status_code, sorted(c.name for c in a.cookies)) for a in answers]
        assert ours[0] == theirs[0]
        if method == "GET":
            assert ours[1] == theirs[1] == ["_xsrf"]
    ours, theirs = [s.request(method, "/login", allow_redirects=False) for s in (server, reference)]
    assert ours.status_code == theirs.status_code
    assert ours.headers.get("Location") == theirs.headers.get("Location")


def test_form_in_a_browser(server: Server, browser: Browser) -> None:
    """Its policy lets the form be sent, and the page behind it can write."""
    with browser.new_context() as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{server.url}/tree?a=1")
        assert page.url.startswith(f"{server.url}/login?next=")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        assert "Invalid credentials" in page.get_by_role("alert").inner_text()
        page.get_by_label("Token").fill(server.token)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{server.url}/tree?a=1")
        write = """async () => {
            const xsrf = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)[1];
            const settings = {method: "PUT", body: '{"type":"directory"}'};
            const url = "/api/contents/made-in-a-browser";
            const refused = await fetch(url, settings);
            const made = await fetch(url, {...settings, headers: {"X-XSRFToken": xsrf}});
            return [refused.status, made.status];
        }"""
        assert page.evaluate(write) == [403, 201]
        assert not [text for text in said if "Content Security Policy" in text]
    assert "Content security violation" not in server.log
