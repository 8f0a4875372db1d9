"""What keywords of both kinds of configuration do alike."""

from __future__ import annotations

import socket

import pytest

import nacre
from nacre.config_options import ConfiguredOptions
from nacre.options import SSHServerConnectionOptions
from nacre.signature_lists import AUTHORITIES
from nacre.trust.config_lines import Setting


def setting(keyword: str, *arguments: str) -> Setting:
    return Setting(keyword, " ".join(arguments), arguments, "file line 3")


@pytest.fixture
def made() -> ConfiguredOptions:
    found = ConfiguredOptions()
    found.begin(SSHServerConnectionOptions(config=None))
    return found


def test_what_is_put_is_checked_as_if_a_program_had_given_it(made):
    made.number(setting("MaxAuthTries", "3"), "max_auth_tries")
    made.switch(setting("UseDNS", "yes"), "rdns_lookup")
    made.word(setting("LoginGraceTime", "2m"), "login_timeout")
    made.family(setting("AddressFamily", "inet6"))
    assert made.found == {
        "max_auth_tries": 3, "rdns_lookup": True, "login_timeout": 120, "family": socket.AF_INET6
    }  # fmt: skip


@pytest.mark.parametrize(
    ("keyword", "value", "option", "why"),
    [("MaxAuthTries", "70", "max_auth_tries", "70"), ("LoginGraceTime", "soon", "login_timeout", "soon")],
)
def test_what_is_wrong_names_the_line(made, keyword, value, option, why):
    with pytest.raises(nacre.ConfigParseError, match=f"(?s)line 3.*{keyword}.*{why}"):
        (made.number if value.isdigit() else made.word)(setting(keyword, value), option)
    assert made.found == {}


def test_a_list_of_signatures_that_is_wrong_names_the_line_once(made):
    with pytest.raises(
        nacre.ConfigParseError, match=r"^file line 3: CASignatureAlgorithms: nacre has none of ssh-dss;"
    ):
        made.signatures(setting("CASignatureAlgorithms", "ssh-dss"), AUTHORITIES)


def test_what_is_not_built_may_be_told_no_and_nothing_else(made):
    made.put(setting("X11Forwarding", "no"), "x11_forwarding", False)
    with pytest.raises(nacre.ConfigParseError, match="not supported yet but for no"):
        made.put(setting("X11Forwarding", "yes"), "x11_forwarding", True)
    assert made.found == {"x11_forwarding": False}
