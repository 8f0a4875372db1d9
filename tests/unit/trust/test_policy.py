"""What becomes of host keys that are not known: the words."""

from __future__ import annotations

from nacre.trust.policy import HostKeyChecking, Wish


def test_the_words_are_those_of_openssh():
    assert [str(word) for word in HostKeyChecking] == ["yes", "accept-new", "ask", "no"]
    assert [str(word) for word in Wish] == ["yes", "ask", "no"]
    assert [word for word in HostKeyChecking if not word.keeps] == [HostKeyChecking.YES]
