"""A server's session channel with a line editor between the terminal and the session.

Owns: `SSHLineEditorChannel`; the flow of what is typed: nothing is edited for a session that does not
read, or a client that does not take the echo. Must not know: keys, streams, options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AnyStr

from nacre.aio import limits
from nacre.aio.line_editor import EditorSettings, KeyHandler, LineEditor
from nacre.aio.phases import Phase, Sending
from nacre.aio.server_channel import SessionPolicy, SSHServerChannel
from nacre.protocol import limits as protocol_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from nacre.aio.link import Link
    from nacre.wire import requests


class Keyboard:
    """Stands in for the session where data is received, and gives it lines.

    A key may stand for a whole line, so what is kept is measured in what comes out: once the session holds
    its window, the rest of the piece that was being edited waits here, and all else in the channel.

    Args:
        channel: of the session.
        settings: for the line editor.
    """

    def __init__(self, channel: SSHLineEditorChannel[Any], settings: EditorSettings, width: int) -> None:
        self._channel = channel
        self.editor = LineEditor(self, settings, width)
        self._session: Any = None
        self._counts = False
        self._held = 0
        self._paused = False
        self._pending = ""
        self._ended = False
        self._last = False
        self._busy = False
        #: How many keys were edited since the loop was let have a turn, or the channel went.
        self._typed = 0

    def start(self, session: Any, *, counts: bool, paused: bool) -> None:
        """Give what comes to a session.

        Args:
            session: of the channel.
            counts: whether it says what it holds, by `release_credit`.
            paused: whether it wants no data yet.
        """
        self._session, self._counts, self._paused = session, counts, paused

    # ------------------------------------------------------------ told by the channel

    def data_received(self, data: Any, datatype: int | None) -> None:
        """Edit what was typed; bytes, where the channel has lost its encoding, pass as they are."""
        if isinstance(data, str) and datatype is None:
            self._pending += data
            self.go_on()
        else:
            self._session.data_received(data, datatype)

    def eof_received(self) -> bool:
        """Give the session what there is of a line, and the end."""
        self._ended = True
        self.go_on()
        return True

    def holds(self, size: int) -> None:
        """The session says what it still holds."""
        self._held = size
        self.go_on()

    def pause(self, paused: bool) -> None:
        """The session wants no data, or wants data again."""
        self._paused = paused
        self.go_on()

    def finish(self) -> None:
        """The channel goes: everything is delivered, but for keys, and lines made of them, beyond all measure."""
        self._last = True
        self._typed = 0
        self.go_on()

    def go_on(self) -> None:
        """Edit what waits, as far as it can be delivered."""
        if self._busy or self._session is None:
            return
        self._busy = True
        try:
            while self._pending and not self.stopped():
                room = self._most() - self._typed if self.editor.line_mode else len(self._pending)
                data, rest = self._pending[:room], self._pending[room:]
                self._pending = ""
                left = self.editor.feed(data)
                if self.editor.line_mode:
                    self._typed += len(data) - len(left)
                self._pending = left + rest + self._pending
                if self._typed >= limits.KEYS_A_TURN and not self._last:
                    self._channel.next_turn(self._rested)
            if self._ended and not self._pending and not (self.editor.typing and self.stopped()):
                self._ended = False
                self._end_of_data()
        finally:
            self._busy = False
        self._channel.hold_input(bool(self._pending) or self.stopped())

    def _most(self) -> int:
        return limits.LAST_KEYS if self._last else limits.KEYS_A_TURN

    def _rested(self) -> None:
        """The loop has had a turn."""
        if not self._last:
            self._typed = 0
            self.go_on()

    def _end_of_data(self) -> None:
        if left := self.editor.take():
            self.deliver(left)
        if not self._session.eof_received() and not self._last:
            self._channel.half_closed()

    # ------------------------------------------------------------ told by the editor

    def show(self, text: str) -> None:
        """Write to the terminal."""
        if not self._last:
            self._channel.echo(text)

    def deliver(self, text: str) -> None:
        """Give data to the session."""
        if self._counts:
            self._held += len(text)  # before the callback, which may say that it holds nothing
        self._session.data_received(text, None)

    def interrupt(self) -> bool:
        """Ctrl-C is a break."""
        return bool(self._session.break_received(0))

    def end(self) -> None:
        """Ctrl-D is an end that more may follow."""
        self._session.soft_eof_received()

    def signal(self, name: str) -> None:
        """A key stands for a signal."""
        self._session.signal_received(name)

    def stopped(self) -> bool:
        """Whether the session takes nothing more, or the client takes no echo, or others have their turn."""
        if self._typed >= self._most():
            return True
        window = self._channel.get_recv_window()
        if self._last:
            return self._held > limits.LAST_WINDOWS * window
        return (
            self._paused or self._held > window or self._channel.get_write_buffer_size() > limits.ECHO_QUEUE
        )


class SSHLineEditorChannel(SSHServerChannel[AnyStr]):
    """A server's session channel that edits lines while its client has a terminal and it carries text.

    Without a terminal that has a type, or with `encoding=None`, it is a plain `SSHServerChannel`, and the methods of this
    class do nothing.
    """

    def __init__(
        self,
        link: Link,
        policy: SessionPolicy,
        encoding: str | None = None,
        errors: str = "strict",
        window: int = protocol_limits.WINDOW,
        max_pktsize: int = protocol_limits.MAX_PACKET,
        settings: EditorSettings | None = None,
    ) -> None:
        super().__init__(link, policy, encoding, errors, window, max_pktsize)
        self._settings = settings or EditorSettings()
        self._keyboard: Keyboard | None = None
        self._session_holds = False
        self._reading_paused = False
        self._input_held = False

    @property
    def _editor(self) -> LineEditor | None:
        if self._keyboard is None or self._incoming.encoding is None:
            return None
        return self._keyboard.editor

    @property
    def _orig_chan(self) -> SSHLineEditorChannel[AnyStr]:
        # prompt_toolkit's SSH server asks this for its encoding, and `_editor` whether there is one.
        return self

    # ------------------------------------------------------------ for the program

    def register_key(self, key: str, handler: KeyHandler) -> None:
        r"""Have a handler called when a key is typed, in place of what the key does.

        Args:
            key: one character, or the sequence that the terminal sends, as `"\t"` or `"\x1b[15~"`.
            handler: called with the line and the index of the cursor. It returns a new line and index in a
                tuple; or the name of a signal and a negative number, to have the session's
                `signal_received` called; or True, to have the key inserted; or False, to have the bell rung.

        Raises:
            ValueError: the key is empty.
        """
        if self._editor is not None:
            self._editor.register_key(key, handler)

    def unregister_key(self, key: str) -> None:
        """Have a key do nothing but insert itself, if it can be printed."""
        if self._editor is not None:
            self._editor.unregister_key(key)

    def set_line_mode(self, line_mode: bool) -> None:
        """Edit lines (as at the beginning), or deliver each key as it is typed, without echo.

        Newlines in what is written become carriage return and newline in either mode.
        """
        if self._editor is not None:
            self._editor.set_line_mode(line_mode)

    def set_echo(self, echo: bool) -> None:
        """Show what is typed (as at the beginning), or not, as for passwords; those enter no history."""
        if self._editor is not None:
            self._editor.set_echo(echo)

    def set_input(self, line: str, pos: int) -> None:
        """Put a text in place of the line that is being typed, and the cursor at an index of it.

        Raises:
            ValueError: the text has characters that cannot be printed.
        """
        if self._editor is not None:
            self._editor.set_input(line, pos)

    def clear_input(self) -> None:
        """Take away what was typed of a line."""
        self.set_input("", 0)

    # ------------------------------------------------------------ as every channel does

    def write(self, data: AnyStr, datatype: int | None = None) -> None:
        """Send data; newlines become carriage return and newline, and a line being typed stays behind it."""
        editor = self._editor
        if editor is None or not isinstance(data, str):
            SSHServerChannel.write(self, data, datatype)
        else:
            before, text, after = editor.output(data)
            if datatype is None:
                SSHServerChannel.write(self, before + text + after)
                return
            self.echo(before)
            SSHServerChannel.write(self, text, datatype)
            self.echo(after)

    def echo(self, text: str) -> None:
        """Write to the terminal, if it is still there."""
        writable = self._sending is Sending.OPEN and self._link.active and not self._peer_discards
        if text and writable and self._phase is not Phase.GONE:
            data: Any = text
            SSHServerChannel.write(self, data)

    def writable(self) -> None:
        """The client takes data again: its keys may be echoed."""
        super().writable()
        if self._input_held:
            self._go_on()

    def pause_reading(self) -> None:
        """Have nothing more delivered: the client stops once its window is used up."""
        self._reading_paused = True
        if self._keyboard is not None:
            self._keyboard.pause(True)
        else:
            super().pause_reading()

    def resume_reading(self) -> None:
        """Have data delivered again, what has arrived in the meantime first."""
        self._reading_paused = False
        if self._keyboard is not None:
            self._call(self._keyboard.pause, False)
        else:
            super().resume_reading()

    def hold_credit(self) -> None:
        """Return no credit for what is delivered; with an editor, edit no more than the session takes."""
        self._session_holds = True
        if self._phase is Phase.STARTED and self._keyboard is None:
            super().hold_credit()

    def release_credit(self, waiting: int) -> None:
        """The session says what it still holds."""
        if self._keyboard is not None:
            self._call(self._keyboard.holds, waiting)
        else:
            super().release_credit(waiting)

    def start(self) -> None:
        """Call `session_started`, then deliver what has arrived before."""
        if self._term_type is None or self._incoming.encoding is None:
            self._keyboard = None
        if self._keyboard is not None:
            self._input_held = self._reading_paused
            self._keyboard.start(self._session, counts=self._session_holds, paused=self._reading_paused)
        elif self._session_holds:
            super().hold_credit()
        super().start()

    def gone(self, error: Exception | None) -> None:
        """The channel is over: what was typed is delivered."""
        if self._keyboard is not None and self._phase is Phase.STARTED:
            self._call(self._keyboard.finish)
        super().gone(error)

    def _receiver(self) -> Any:
        return self._session if self._keyboard is None else self._keyboard

    async def _pty(self, payload: requests.PtyRequest) -> bool:
        before = self._keyboard
        # What a terminal without a type understands is not known, and so nothing is drawn on it.
        if before is None and payload.term_type:
            # Known before the callback is asked, which may want to set its mode.
            self._keyboard = Keyboard(self, self._settings, payload.columns)
        granted = await super()._pty(payload)
        if not granted:
            self._keyboard = before
        return granted

    def _window_change(self, payload: requests.WindowChange) -> bool:
        if self._editor is not None:
            self._editor.resize(payload.columns)
        return super()._window_change(payload)

    # ------------------------------------------------------------ told by the keyboard

    def hold_input(self, held: bool) -> None:
        """Deliver nothing to the keyboard, or everything again."""
        if held != self._input_held:
            self._input_held = held
            if held:
                self._incoming.pause()
            else:
                self._incoming.resume()
                self._link.touch()

    def next_turn(self, then: Callable[[], None]) -> None:
        """Call the keyboard when the loop has had a turn."""
        self._link.loop.call_soon(self._call, then)

    def half_closed(self) -> None:
        """The session does not stay half open."""
        if self._phase is Phase.STARTED:
            self.answer_eof()

    def _go_on(self) -> None:
        if self._keyboard is not None:
            self._call(self._keyboard.go_on)
