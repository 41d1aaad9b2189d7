"""task=serve: an OpenAI-compatible server that answers through the plans of a finished study."""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cascade.base import ExecutionError
from cascade.config import Study
from cascade.execute import PASS, Batch, Check
from cascade.generate import Member, OpenAIGenerator
from cascade.report import table
from cascade.serving import PlanBook, Sandbox, Service, close_members, listen, parse_plan_file, serve
from cascade.tasks.plans_at_hand import another_book, live_members, live_sandbox, plan_file, with_plans

log = logging.getLogger(__name__)

TRIED = Batch((Check("assert f(1) == 2", 1.0),), (("def f(x):\n    return x + 1\n", (0,)),))


def main(study: Study, output: Path) -> None:
    """Check everything, then serve until a signal; with `serve.dry_run` say what was found instead."""
    settings = study.serve
    study, book = with_plans(study, settings.plans)
    listener = listen(settings.host, settings.port)
    try:
        members = live_members(_impatient(study), book.file.models, book.test_lines)
        sandbox = live_sandbox(study, settings.concurrency)
        found = asyncio.run(check(members, sandbox))
        for line in found:
            log.info("%s", line)
        if settings.dry_run:
            log.info("%s", costs(book))
            asyncio.run(close_members(members))
            sandbox.close()
            return
        service = Service(
            settings,
            book,
            lambda: another_book(study, *plan_file(study, settings.plans)),
            lambda text: another_book(study, parse_plan_file(text), "the plan file"),
            members,
            sandbox,
        )
        listener.listen(1024)
        serve(service, listener, os.environ.get(settings.key_variable) or None)
    finally:
        listener.close()


def _impatient(study: Study) -> Study:
    """The study whose servers are asked again less often: another stage may answer meanwhile."""
    if not isinstance(study.generator, OpenAIGenerator):
        return study
    return replace(study, generator=replace(study.generator, retries=study.serve.retries))


async def check(members: Mapping[str, Member], sandbox: Sandbox) -> list[str]:
    """What stands ready, a line each.

    Raises:
        CascadeError: a model or the sandbox does not.
    """
    lines = [await member.check() for member in members.values()]
    if await sandbox.run(TRIED) != [PASS]:
        raise ExecutionError("the sandbox does not run a right program; see docs/sandbox.md")
    return [*lines, f"sandbox: {', '.join(sandbox.pool.layers)}"]


def costs(book: PlanBook) -> str:
    """What a query costs and how often it is right, by plan; and the most that it can cost."""
    rows = []
    for name, chosen in book.by_name.items():
        estimate, side = book.promise(name)
        aliases = [alias for alias, plan in book.aliases.items() if plan == name and " " not in alias]
        rows.append(
            [
                name,
                f"{estimate.usd_per_1k_queries:.4g}",
                f"{100 * estimate.accuracy:.1f} %",
                side,
                "" if chosen.rounds is None else f"{chosen.rounds:.1f}",
                ", ".join(aliases),
            ]
        )
    head = ["plan", "$ per 1k queries", "accuracy", "side", "rounds", "also called"]
    usd = book.file.provenance.usd_per_1m_tokens.items()
    prices = ", ".join(f"{model} {price:.4g}" for model, price in usd)
    return (
        f"{table(head, rows)}\n$ per million tokens: {prices}\nall is well: leave out serve.dry_run to serve"
    )
