from __future__ import annotations

from rejoinder.browser.flags import DISABLED_FEATURES, ENABLED_FEATURES, chromium_flags


def test_there_is_one_list_of_disabled_features_whatever_is_added() -> None:
    flags = chromium_flags("d", root=False, extra=("--disable-features=One,Two", "--disable-features=Two,PaintHolding"))
    lists = [flag for flag in flags if flag.startswith("--disable-features=")]
    assert lists == ["--disable-features=" + ",".join((*DISABLED_FEATURES, "One", "Two"))]


def test_there_is_one_list_of_enabled_features_and_the_last_word_counts() -> None:
    flags = chromium_flags("d", root=False, extra=("--enable-features=One,PaintHolding", "--disable-features=One"))
    enabled, disabled = (
        [flag.partition("=")[2].split(",") for flag in flags if flag.startswith(f"--{kind}-features=")]
        for kind in ("enable", "disable")
    )
    assert enabled == [[*ENABLED_FEATURES, "PaintHolding"]]
    assert disabled == [[one for one in DISABLED_FEATURES if one != "PaintHolding"] + ["One"]]


def test_no_flag_comes_twice_and_an_added_one_replaces_ours() -> None:
    flags = chromium_flags("d", root=True, extra=("--lang=de", "--new=1"))
    names = [flag.partition("=")[0] for flag in flags]
    assert len(names) == len(set(names))
    assert "--lang=de" in flags
    assert "--new=1" in flags
    assert "--user-data-dir=d" in flags


def test_the_sandbox_is_given_up_only_for_root() -> None:
    assert "--no-sandbox" in chromium_flags("d", root=True)
    assert "--no-sandbox" not in chromium_flags("d", root=False)


def test_nothing_hides_that_a_program_drives_the_browser_or_weakens_it() -> None:
    flags = " ".join(chromium_flags("d", root=True))
    assert "--enable-automation" in flags
    for bad in (
        "AutomationControlled",
        "--user-agent",
        "--ignore-certificate-errors",
        "--disable-web-security",
        "--allow-running-insecure-content",
        "--use-fake-device-for-media-stream",
        "LocalNetworkAccessChecks",
    ):
        assert bad not in flags
