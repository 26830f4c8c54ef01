"""`bench serve` and its steering verbs where they cannot do what is asked: one line that says why, at once."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import main


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on, as a bench does."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a verb that ends with 2 says on stderr; it says nothing on stdout."""
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words])
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    return told.err


@pytest.mark.parametrize(
    "options", [("--opcua-port",), ("--no-network", "--opcua-port"), ("--control-port",), ("--mqtt-port",)]
)
def test_a_port_that_somebody_has_is_refused_at_the_start(taken, capsys, options):
    told = complaint(capsys, "serve", "a-short-spike", "--paused", *options, str(taken))

    assert told.splitlines()[-1] == f"thermowell: the plant cannot be served: port {taken} is taken"
    assert "Traceback" not in told


@pytest.mark.parametrize(("place", "reason"), [("file", "it is a file"), ("file/truth", "Not a directory")])
def test_a_folder_of_the_truth_that_cannot_be_made_is_refused_before_anything_else(
    tmp_path: Path, capsys, place, reason
):
    (tmp_path / "file").write_text("kept")
    told = complaint(capsys, "serve", "a-short-spike", "--paused", "--out", str(tmp_path / place))

    assert told == f"thermowell: no truth can be written to {tmp_path / place}: {reason}\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_an_address_that_is_none_is_refused(capsys):
    told = complaint(capsys, "status", "--control", "nonsense")

    assert told == "thermowell: 'nonsense' is no address of a bench: it is like http://127.0.0.1:4850\n"
