"""A connection to somewhere near as if it were far away: every byte arrives later.

    python tests/scale/far_away.py PORT TO_PORT MILLISECONDS

listens on PORT of this machine and passes on to TO_PORT; a round trip takes so many milliseconds more.
"""

import asyncio
import sys
from collections.abc import AsyncIterator


async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Pass on what comes, each piece so much later; what comes meanwhile does not wait for it."""
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    now = asyncio.get_running_loop().time

    async def read() -> None:
        while True:
            piece = await reader.read(1 << 16)
            await pieces.put((now() + seconds, piece))
            if not piece:
                return

    async def due() -> AsyncIterator[bytes]:
        while True:
            at, piece = await pieces.get()
            await asyncio.sleep(at - now())
            if not piece:
                return
            yield piece

    reading = asyncio.create_task(read())
    async for piece in due():
        writer.write(piece)
        await writer.drain()
    await reading
    writer.close()


async def main(port: int, to_port: int, milliseconds: float) -> None:
    """Serve until killed."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to_port)
        one_way = milliseconds / 2000
        await asyncio.gather(late(reader, there_writer, one_way), late(there_reader, writer, one_way))

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
