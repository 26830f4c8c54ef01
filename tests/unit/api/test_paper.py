"""A page that asks for files of this machine and for addresses of its network, made into a PDF."""

import ctypes.util
import hashlib
import http.server
import threading
from pathlib import Path

import pytest

from api.paper import pdf_of
from domain.errors import Refused


@pytest.mark.skipif(
    ctypes.util.find_library("pango-1.0") is None,
    reason="pango is not installed: apt-get install libpango-1.0-0 libpangoft2-1.0-0",
)
def test_a_pdf_is_made_of_the_page_alone(tmp_path: Path) -> None:
    asked: list[str] = []

    class Inner(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    secret = tmp_path / "secret.css"
    secret.write_text("body { color: red }", encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Inner)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        near, file = f"http://127.0.0.1:{server.server_address[1]}", secret.as_uri()
        page = (
            f'<html lang="en"><head><title>x</title><link rel="stylesheet" href="{file}"><style>@import url({near}/a);'
            f'</style><link rel="attachment" href="{file}"></head><body>so<img src="{near}/b"><img src="{file}"></body></html>'
        )
        made = pdf_of(page.encode(), hashlib.sha256(page.encode()).hexdigest())
    except Refused as refused:
        pytest.fail(str(refused))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert made.startswith(b"%PDF")
    assert b"EmbeddedFile" not in made
    assert asked == []
