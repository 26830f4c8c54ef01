"""Files that are no YAML that can be used are refused with their place, whatever the reason."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from service.config.document import read_document


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: 1\nb: !!python/object/apply:os.system ['ls']\n",
            ":2:1: b: the tag !!python/object/apply:os.system is not",
        ),
        ("a: {b: !secret word}\n", ":1:5: a.b: the tag !secret is not known"),
        ("a: 1\nb: x\0y\n", ":2:5: (yaml): the character U+0000 may not stand in YAML"),
        ("a: " + "[" * 1000, ":1:1: (yaml): is nested too deeply"),
    ],
)
def test_it_is_refused_with_its_place(tmp_path: Path, text, said):
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_document(file)
    assert str(caught.value).startswith(f"{file}{said}")


def test_the_usual_tags_change_nothing(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_text("a: !!map {b: !!str 5, c: !!seq [1]}\n", encoding="utf-8")

    assert read_document(file).values == {"a": {"b": "5", "c": [1]}}
