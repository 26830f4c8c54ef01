"""HTML to PDF in a process of its own, so that no page and no stream waits for it: `python -m api.paper TITLE-ID`.

PDF/A-3b: for keeping, with every font in it. The same HTML gives the same bytes: the document's id is the content's
hash, and no time of making is written.
"""

import resource
import subprocess
import sys

from domain.errors import Refused

MAKE_WITHIN_S = 180.0
MOST_HTML_BYTES = 16_000_000
_MOST_MEMORY_BYTES = 4 << 30


def pdf_of(html: bytes, identifier: str) -> bytes:
    """The PDF of a page. Refused: it is too large, takes too long, or the library for it is not installed. Blocks."""
    if len(html) > MOST_HTML_BYTES:
        raise Refused(f"the report has {len(html):,} bytes of HTML; a PDF is made of at most {MOST_HTML_BYTES:,}")
    command = [sys.executable, "-m", "api.paper", identifier]
    try:
        made = subprocess.run(command, input=html, capture_output=True, timeout=MAKE_WITHIN_S, check=False)  # noqa: S603  our own program
    except subprocess.TimeoutExpired:
        raise Refused(f"the PDF took longer than {MAKE_WITHIN_S:g} s; the HTML has the same content") from None
    if made.returncode or not made.stdout.startswith(b"%PDF"):
        told = made.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(f"no PDF could be made: {told[-1] if told else 'its process ended'}")
    return made.stdout


def _make(identifier: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, _MOST_MEMORY_BYTES))
    from weasyprint import HTML  # noqa: PLC0415  heavy, and only here
    from weasyprint.urls import URLFetcher  # noqa: PLC0415  as above

    html = sys.stdin.buffer.read().decode("utf-8")
    nothing_from_elsewhere = URLFetcher(allowed_protocols=(), allow_redirects=False)  # nor from this machine's files
    page = HTML(string=html, url_fetcher=nothing_from_elsewhere)
    made = page.write_pdf(pdf_variant="pdf/a-3b", pdf_identifier=identifier.encode())
    assert made is not None
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    _make(sys.argv[1])
