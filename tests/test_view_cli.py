"""`genius view` as a user types it: a page of runs, and a server that follows them."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from .browser import opened
from .report.runs import tried, write_run


@pytest.fixture
def run(tmp_path):
    """A run of two experiments."""
    return write_run(tmp_path / "r", [tried(1, (0,) * 8, 90.0), tried(2, (1,) * 8, 91.0)])


def test_a_page_is_written_beside_its_run_or_where_it_is_wanted(genius, run, tmp_path):
    assert genius("view", run, "--no-worth").stdout == f"page: {run / 'view.html'}\n"
    assert "91.00%" in (run / "view.html").read_text("utf-8")
    genius("view", run, "--no-worth", "--out", "mine.html")
    assert (tmp_path / "mine.html").is_file()
    genius("view", run, run, "--no-worth")
    assert "2 runs compared" in (tmp_path / "view.html").read_text("utf-8")


def test_it_says_whether_a_model_was_worth_it_beside_its_peers(genius, run, tables, in_this_process):
    genius("view", run, "--downloads", tables)
    page = (run / "view.html").read_text("utf-8")
    assert "worth it: " in page
    assert "rank, beside proposers without a model" in page
    assert "local-search" in page
    assert "peers" not in json.loads(genius("show", run, "--json", "--downloads", tables).stdout)["worth"]


def test_a_folder_that_is_no_run_is_one_sentence(genius, tmp_path):
    failed = genius("view", tmp_path, ok=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("genius: ")
    assert failed.stderr.count("\n") == 1
    assert not (tmp_path / "view.html").exists()


def test_a_port_in_use_is_said(genius, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = genius("view", run, "--serve", "--port", port, ok=False)
    assert failed.stderr == f"genius: port {port} is in use; name another one with --port, or 0 for any free one\n"


@contextmanager
def served(run):
    """Serve a run in a process of its own; gives the process and its port."""
    command = [sys.executable, "-m", "genius", "view", str(run), "--serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        assert line.startswith("http://127.0.0.1:"), line
        yield process, int(line.partition("127.0.0.1:")[2].partition("/")[0])
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def answer(port, path="/", method="GET", **headers):
    """Ask a server on this machine; return the status and the headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers=headers)
    found = connection.getresponse()
    connection.close()
    return found.status, dict(found.headers)


def test_it_serves_this_machine_alone_and_nothing_but_the_page(run):
    with served(run) as (_, port):
        status, headers = answer(port)
        assert status == 200
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert answer(port, Host=f"localhost:{port}")[0] == 200
        assert answer(port, Host="evil.example")[0] == 400
        assert answer(port, "/events", Host="evil.example:80")[0] == 400
        assert [answer(port, path)[0] for path in ("/search.json", "/../search.json", "/%2e%2e/", "/docs")] == [404] * 4
        assert [answer(port, "/", method)[0] for method in ("POST", "PUT", "DELETE")] == [405] * 3
        with pytest.raises(OSError):  # noqa: PT011 - it differs by system
            socket.create_connection((_other_address(), port), timeout=2).close()


def _other_address():
    """Return an address of this machine that is not the loopback's first; others of the loopback are not served."""
    return "127.0.0.2" if sys.platform == "linux" else socket.gethostbyname(socket.gethostname())


def until(tab, condition):
    """Wait until a condition holds in the browser; its own waiting evaluates text, which the page's policy forbids."""
    for _ in range(600):
        if tab.page.evaluate(condition):
            return
        tab.page.wait_for_timeout(200)
    raise AssertionError(f"{condition} never held: {tab.said}")


def test_the_page_follows_the_run_and_keeps_what_is_open(run):
    with served(run) as (process, port), opened(f"http://127.0.0.1:{port}/") as tab:
        tab.page.locator(".experiment summary").first.click()
        tab.page.evaluate("window.same = true")
        until(tab, "document.querySelector('.live').textContent === 'live'")
        with (run / "candidates.jsonl").open("a") as file:
            file.write(json.dumps(tried(3, (2,) * 8, 95.0).to_json()) + "\n")
        until(tab, "document.querySelectorAll('.experiment').length === 3")
        assert tab.page.locator(".number").text_content() == "95.00%"
        assert tab.page.evaluate("window.same")
        assert tab.page.locator(".experiment").first.evaluate("each => each.open")
        assert tab.said == []
        assert all(url.startswith(f"http://127.0.0.1:{port}/") for url in tab.asked)
        with (run / "candidates.jsonl").open("a") as file:
            file.write("no record\n")
        until(tab, "document.querySelector('.live').textContent === 'cannot be read now'")
        assert tab.page.locator(".number").text_content() == "95.00%"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr.read() == "stopped: the page is served no more\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_it_ends_by_a_signal_while_a_browser_listens(run):
    with served(run) as (process, port):
        listening = socket.create_connection(("127.0.0.1", port))
        listening.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert b"text/event-stream" in listening.recv(4_096)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        listening.close()


def test_without_a_server_installed_it_says_what_to_install(genius, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    failed = genius("view", run, "--serve", "--port", 0, ok=False)
    assert "pip install 'genius-nas[view]'" in failed.stderr
