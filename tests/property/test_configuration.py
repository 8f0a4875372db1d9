"""Configuration files of OpenSSH's form: words are read as they were written, and what is shown is read as the same."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from nacre.errors import ConfigParseError
from nacre.trust.config_keywords import CLIENT
from nacre.trust.config_lines import Setting, settings
from nacre.trust.config_server_keywords import SERVER
from nacre.trust.config_tokens import Tokens, substituted

FEW = profile(deadline=None, max_examples=30)

a_character = st.characters(exclude_categories=("Cs",), exclude_characters="\0\n")


def read(text: str) -> list[Setting]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(text.encode())
        return list(settings(Path(file.name)))


def quoted(word: str, quote: str) -> str:
    """Return a word as ssh_config(5) has it: in quotes of one kind, with a backslash before these and before itself."""
    for character in ("\\", quote):
        word = word.replace(character, f"\\{character}")
    return f"{quote}{word}{quote}"


@FEW
@given(
    st.lists(
        st.tuples(
            st.text(a_character, max_size=12) | st.text("\\'\"# \t=a", max_size=8), st.sampled_from("'\"")
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([" ", "=", " = ", "\t"]),
    st.sampled_from(["", " ", " # more", "\r"]),
)
def test_words(words: list[tuple[str, str]], between: str, end: str) -> None:
    text = " ".join(quoted(word, quote) for word, quote in words)
    (setting,) = read(f"# first\n\n  Keyword{between}{text}{end}\n")
    assert (setting.keyword, setting.arguments) == ("Keyword", tuple(word for word, _ in words))


#: What is in the right form for one keyword or another, and what is nearly so.
a_number = st.integers(0, 70000).map(str) | st.sampled_from(
    [
        "0" * 30 + "5",
        "0" * 5000 + "7",
        "9" * 30,
        "9" * 5000,
        "0" * 25 + "9" * 12,
        "-1",
        "٣",
        "007",
        "0x1f",
        "017",
    ]
)
a_time = st.lists(st.tuples(a_number, st.sampled_from(["", *"smhdwSMHDW"])), min_size=1, max_size=2).map(
    lambda parts: "".join(number + unit for number, unit in parts)
)
a_fixed_word = st.sampled_from(
    """yes no true false ask any none auto confirm always default off force inet host-bound unbound accept-new
    ethernet point-to-point autoask md5 SHA256 INFO DEBUG1 LOCAL3 af11 cs7 lowdelay ^A ^? ~ \\^A A=1 A=2 B= LANG
    *.example !a,b user@host a:b a,b:c [::1]:80 h:* *:22 /path/x /a:/b interval:80 session=5m *=0 publickey,password
    any publickey 10:30:60 crash:5 max-sources4:9 overflow:deny-all touch-required verify-required 022 7 500M 1.5K 1G
    permissive grace-exceeded:1m 0.0.0.0 [::]:22 ::1 a.example:7 hostbased:x sftp internal-sftp -l""".split()
)
a_word = st.one_of(
    a_fixed_word, a_number, a_time, st.text(a_character, min_size=1, max_size=8),
    st.tuples(a_fixed_word, st.sampled_from(":=,"), a_number).map("".join),
)  # fmt: skip

EVERY_KEYWORD = [*(("ssh", keyword) for keyword in CLIENT), *(("sshd", keyword) for keyword in SERVER)]
#: ssh and sshd show these in forms that they do not read themselves.
SHOWN_OTHERWISE = {"EscapeChar", "RemoteForward", "ListenAddress", "ObscureKeystrokeTiming"}


@profile(deadline=None, max_examples=50)
@given(st.lists(a_word, min_size=1, max_size=3).map(tuple))
@example(("0" * 5000 + "7",))
@example(("9" * 5000,))
@example(("max-sources4:" + "9" * 5000,))
@example(("1" + "0" * 5000 + "s",))
def test_what_is_shown_is_read_as_the_same(words: tuple[str, ...]) -> None:
    for program, keyword in EVERY_KEYWORD:
        shown: tuple[str, ...] = ()
        with suppress(ConfigParseError):
            shown = keyword.read(_line(keyword.name, words))
        if shown and keyword.name not in SHOWN_OTHERWISE:
            # Where to listen and where to go are two words, shown as one.
            words = tuple(shown[0].split()) if keyword.name == "LocalForward" else shown
            again = keyword.read(_line(keyword.name, words))
            assert again == shown, (program, keyword.name)


def _line(keyword: str, words: tuple[str, ...]) -> Setting:
    return Setting(keyword, " ".join(words), words, "here")


NOTHING = Tokens({"%": "%", "h": "host.example", "i": "1000", "u": "alice"})


@FEW
@given(st.text(a_character, max_size=20) | st.text("%$\\{}hu", max_size=12))
def test_tokens_that_stand_for_themselves(text: str) -> None:
    setting = _line("Keyword", (text,))
    assert substituted(setting, text.replace("%", "%%"), "%h", NOTHING) == text
    assert substituted(setting, "%h" + text.replace("%", "%%") + "%h", "%h", NOTHING) == (
        f"host.example{text}host.example"
    )
    with pytest.raises(ConfigParseError):
        substituted(setting, text.replace("%", "%%") + "%u", "%h", NOTHING)


@FEW
@given(st.text(a_character, max_size=20), st.text("ABC_", min_size=1, max_size=5))
def test_what_a_variable_has_is_not_read_again(value: str, name: str) -> None:
    setting = _line("Keyword", ())
    found = substituted(setting, f"%h${{{name}}}%%", "%h", NOTHING, {name: value})
    assert found == f"host.example{value}%"
