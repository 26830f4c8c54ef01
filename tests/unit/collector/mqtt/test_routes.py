import pytest

from collector.mqtt.routes import MISSING, Route, find, plan_topics, pointer_tokens

RFC_6901 = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", RFC_6901), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8),
        ("/foo/2", MISSING), ("/foo/-", MISSING), ("/foo/00", MISSING), ("/foo/x", MISSING), ("/foo/0/x", MISSING),
        ("/nothing", MISSING), ("/foo/²", MISSING),
    ],
)  # fmt: skip
def test_pointers_lead_where_rfc_6901_says(pointer, expected):
    assert find(RFC_6901, pointer_tokens(pointer)) == expected


@pytest.mark.parametrize("pointer", ["v", "/a~", "/a~2b", "#/v"])
def test_a_malformed_pointer_is_refused_by_name(pointer):
    with pytest.raises(ValueError, match="is no JSON pointer"):
        pointer_tokens(pointer)


@pytest.mark.parametrize("topic", ["plant/+/level", "plant/#", ""])
def test_a_route_needs_an_exact_topic(topic):
    with pytest.raises(ValueError, match="one exact topic"):
        plan_topics([Route(0, topic)], [])


def test_a_route_needs_a_known_time_unit():
    with pytest.raises(ValueError, match="minutes"):
        plan_topics([Route(0, "a", "/v", "/t", "minutes")], [])


def test_one_topic_feeds_many_tags():
    plans, _ = plan_topics([Route(0, "a", "/x"), Route(1, "a", "/y"), Route(2, "b", "/x")], [])

    assert [len(plan.routes) for plan in plans.values()] == [2, 1]
