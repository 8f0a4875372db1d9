"""The dialogue of an invite as a machine."""

from nacre.hub.enrol import Enrolment, Wish

PRINT = "SHA256:abc"


def type_(dialogue, text):
    shown = ""
    for character in text:
        echo, wish = dialogue.key(character)
        shown += echo
        assert wish is Wish.NOTHING
    return shown


def test_the_whole_way_with_a_name_of_one_s_own():
    dialogue = Enrolment(PRINT, None)
    assert PRINT in dialogue.begin()
    assert type_(dialogue, "bob") == "bob"
    assert dialogue.key("enter")[1] is Wish.CHECK_NAME
    assert dialogue.name == "bob"
    assert "Bind this key to bob?" in dialogue.accept_name()
    assert dialogue.key("x") == ("", Wish.NOTHING)
    assert dialogue.key("enter") == ("", Wish.NOTHING)  # Enter alone is no yes
    assert dialogue.key("Y")[1] is Wish.REDEEM


def test_a_preset_name_is_shown_and_not_asked_for():
    dialogue = Enrolment(PRINT, "carol")
    assert "carol" in dialogue.begin()
    assert dialogue.key("y")[1] is Wish.REDEEM
    assert dialogue.name == "carol"


def test_no_leaves():
    assert Enrolment(PRINT, "carol").key("n")[1] is Wish.LEAVE
    for key in ("ctrl-c", "ctrl-d", "escape"):
        assert Enrolment(PRINT, None).key(key)[1] is Wish.LEAVE


def test_editing_the_name():
    dialogue = Enrolment(PRINT, None)
    type_(dialogue, "bobby")
    assert dialogue.key("backspace") == ("\b \b", Wish.NOTHING)
    assert dialogue.name == "bobb"
    assert dialogue.key("ctrl-u")[0] == "\b \b" * 4
    assert dialogue.name == ""
    assert dialogue.key("enter") == ("", Wish.NOTHING)
    assert dialogue.key("backspace") == ("", Wish.NOTHING)
    type_(dialogue, "x" * 100)
    assert len(dialogue.name) == 32
    assert dialogue.key("é") == ("", Wish.NOTHING)


def test_a_name_that_will_not_do_is_asked_for_again():
    dialogue = Enrolment(PRINT, None)
    type_(dialogue, "Bob")
    dialogue.key("enter")
    asked = dialogue.refuse_name("that cannot be\x1b[2J a name")
    assert "\x1b" not in asked
    assert asked.endswith("user name: ")
    assert dialogue.name == ""
