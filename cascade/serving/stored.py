"""A member whose samples are kept: what the store knows is not written again, whoever is killed meanwhile."""

import asyncio

from cascade.base import digest
from cascade.generate import SOLUTION, Asked, Member, Model, SampleSpec, SampleStore, StoredSample, Ticket


class StoredMember:
    """A member with the sample store of a study before it; see `cascade.generate.live.Member`."""

    def __init__(self, member: Member, store: SampleStore) -> None:
        self._member, self._store = member, store

    @property
    def model(self) -> Model:
        """The member's model."""
        return self._member.model

    @property
    def asked(self) -> Asked:
        """How the member is asked."""
        return self._member.asked

    async def write(self, spec: SampleSpec, lines: int, ticket: Ticket) -> StoredSample:
        """The sample that is known, or one that is written and kept now."""
        whole = spec.kind == SOLUTION or lines == self.asked.lines
        # A test that stopped at fewer lines than the study looks at is no sample of the study's.
        key = spec.key if whole else digest(spec.key, f"{lines} lines")
        if (known := self._store.get(spec.key) or self._store.get(key)) is None:
            known = await self._member.write(spec, lines, ticket)
            self._store.add({key: known})
        ticket.tokens = known.tokens
        await asyncio.sleep(0)
        return known

    async def check(self) -> str:
        """What the member says."""
        return await self._member.check()

    async def close(self) -> None:
        """Close the member."""
        await self._member.close()
