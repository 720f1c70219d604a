"""Answers go out whole: head and body in one piece, whatever comes in between in order."""

import asyncio
import socket

from rosterhub.api.whole_answers import Together


async def pair() -> tuple[asyncio.Transport, socket.socket]:
    """A transport, and the other end of its connection."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here.setblocking(False)
    loop = asyncio.get_running_loop()
    transport = asyncio.selector_events._SelectorSocketTransport(  # type: ignore[attr-defined]
        loop, here, asyncio.Protocol()
    )
    there.setblocking(False)
    return transport, there


def packets(*writes: bytes, close: bool = False) -> list[bytes]:
    """What the other end receives, packet by packet, for these writes in one callback."""

    async def run() -> list[bytes]:
        transport, there = await pair()
        together = Together(transport)
        loop = asyncio.get_running_loop()
        for data in writes:
            together.write(data)
        if close:
            together.close()
        received: list[bytes] = []
        while sum(map(len, received)) < sum(map(len, writes)):
            received.append(await loop.sock_recv(there, 1 << 20))
        transport.abort()
        there.close()
        return received

    return asyncio.run(run())


def test_a_head_and_its_body_are_one_packet() -> None:
    assert packets(b"head", b"body") == [b"headbody"]


def test_a_head_alone_goes_out_too() -> None:
    assert packets(b"head") == [b"head"]


def test_what_was_written_before_the_end_arrives() -> None:
    assert packets(b"head", b"body", close=True) == [b"headbody"]


def test_much_is_not_held_back() -> None:
    large = b"x" * 65_536
    assert packets(b"head", large, b"more", b"end") == [b"head" + large, b"moreend"]
