from collector.mqtt.identities import Identities


def of(*packet_ids: int, most: int = 100) -> Identities:
    identities = Identities(most)
    identities.take(dict.fromkeys(packet_ids, 5))
    return identities


def test_what_is_not_acknowledged_stays_known():
    identities = of(1, 2)
    identities.probed()
    identities.proven()

    assert set(identities.known) == {1, 2}


def test_an_answered_probe_lets_go_what_was_acknowledged_before_it():
    identities = of(1, 2, 3)
    identities.acknowledged([1])
    identities.probed()
    identities.acknowledged([2])
    identities.proven()

    assert set(identities.known) == {2, 3}


def test_one_probe_at_a_time():
    identities = of(1, 2)
    identities.acknowledged([1])
    wanted_first = identities.wants_proof
    identities.probed()
    identities.acknowledged([2])

    assert wanted_first
    assert not identities.wants_proof


def test_acknowledgements_without_proof_may_be_lost_with_their_connection():
    identities = of(1)
    identities.acknowledged([1])
    identities.probed()
    identities.disconnected(0.0)
    identities.proven()

    assert set(identities.known) == {1}


def test_what_the_broker_did_not_repeat_in_time_is_let_go():
    identities = of(1, 2)
    identities.acknowledged([1])
    identities.disconnected(0.0)
    identities.forget_old(59.0)
    before = set(identities.known)
    identities.forget_old(61.0)

    assert before == {1, 2}
    assert set(identities.known) == {2}


def test_a_packet_id_taken_again_names_the_new_message():
    identities = of(1)
    identities.acknowledged([1])
    identities.probed()
    identities.take({1: 6})
    identities.proven()

    assert dict(identities.known) == {1: 6}


def test_the_oldest_go_first():
    assert set(of(1, 2, 3, most=2).known) == {2, 3}


def test_they_survive_as_text():
    identities, later = of(1, 65_535), Identities(100)
    identities.take({7: 2**32 - 1})
    later.load(identities.dump(), 0.0)

    assert dict(later.known) == {1: 5, 65_535: 5, 7: 2**32 - 1}


def test_what_is_taken_over_and_never_repeated_is_let_go():
    later = Identities(100)
    later.load(of(1).dump(), 0.0)
    later.forget_old(61.0)

    assert not later.known
