from __future__ import annotations

from rejoinder.platforms.health import Health, Signs

WELL = Signs(connected=True, responding=True, online=True)


def first_verdict(signs: Signs, health: Health, start: float = 1.0, until: float = 40.0) -> tuple[float, str] | None:
    now = start
    while now < until:
        outcome = health.see(signs, now)
        if outcome is not None:
            return now, outcome.reason
        now += 0.5
    return None


def well() -> Health:
    health = Health(0.0)
    assert health.see(WELL, 0.5) is None
    return health


def test_a_page_that_is_well_is_left_alone_for_hours() -> None:
    health = well()
    assert all(health.see(WELL, now) is None for now in range(1, 20_000, 7))


def test_each_fault_is_told_within_30_seconds() -> None:
    faults = {
        "frozen": (Signs(True, True, True, main_age_s=10.5), "crashed"),
        "not responding": (Signs(True, False, True), "crashed"),
        "no channel": (Signs(False, True, True), "crashed"),
        "offline": (Signs(True, True, False), "network"),
    }
    for name, (signs, reason) in faults.items():
        verdict = first_verdict(signs, well())
        assert verdict is not None, name
        assert (verdict[0] < 30, verdict[1]) == (True, reason), name


def test_a_short_fault_is_forgiven() -> None:
    for bad in (Signs(True, True, True, main_age_s=5.0), Signs(False, True, True), Signs(True, False, True)):
        health = well()
        for second in range(1, 100):
            assert health.see(bad if second % 8 < 7 else WELL, float(second)) is None


def test_a_page_that_never_opened_its_channel_gets_longer() -> None:
    verdict = first_verdict(Signs(False, True, True), Health(0.0))
    assert verdict is not None
    assert 20 < verdict[0] < 30


def test_media_that_fails_for_good_is_a_network_fault() -> None:
    health = well()
    health.connection(0, "connected", 1.0)
    health.connection(1, "failed", 2.0)
    assert first_verdict(WELL, health, 3.0) is None, "one of two works"
    health.connection(0, "disconnected", 50.0)
    verdict = first_verdict(WELL, health, 50.0, 90.0)
    assert verdict is not None
    assert verdict[1] == "network"
    assert 64 < verdict[0] < 67


def test_closed_connections_and_a_new_load_are_no_fault() -> None:
    health = well()
    health.connection(0, "failed", 1.0)
    health.connection(0, "closed", 2.0)
    assert first_verdict(WELL, health) is None
    health.connection(1, "failed", 50.0)
    health.new_load()
    assert first_verdict(WELL, health, 50.0, 90.0) is None


def test_what_a_page_calls_a_state_does_not_matter() -> None:
    health = well()
    health.connection({"odd": 1}.get("x"), {"state": []}, 1.0)
    assert health.see(WELL, 2.0) is None
