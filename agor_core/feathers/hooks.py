"""Hooks: what runs around, before and after a method, and when it fails, in exactly the order of Feathers 5.

    app around all → app around method → app before all → app before method →
      service around all → … → service before method → METHOD → service after all → service after method →
      (service around hooks on their way out) →
    app after all → app after method → (app around hooks on their way out)

An error goes, at each level it passes, through error method, then error all, then the around hooks see it raised.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from agor_core.errors import NotFound
from agor_core.feathers.params import HookContext

Hook = Callable[..., Any]
"""`(context)`, or `(context, call_next)` for around hooks; sync or async. What it returns is ignored."""

Hooks = Hook | Sequence[Hook] | Mapping[str, Hook | Sequence[Hook]] | None
"""One hook or a list of them for every method, or a mapping from a method's name, or `all`, to them."""

Run = Callable[[HookContext], Awaitable[None]]
Kind = Literal["around", "before", "after", "error"]


class HookTable:
    """The hooks registered at one level, the app or a service, in the order of their registration."""

    def __init__(self) -> None:
        self._hooks: dict[Kind, dict[str, list[Hook]]] = {"around": {}, "before": {}, "after": {}, "error": {}}

    def add(self, kind: Kind, hooks: Hooks, known: Iterable[str] | None = None) -> None:
        """Register `hooks`; with `known`, a hook for a method that does not exist is a ValueError."""
        if hooks is None:
            return
        named = hooks if isinstance(hooks, Mapping) else {"all": hooks}
        for method, some in named.items():
            if known is not None and method != "all" and method not in known:
                raise ValueError(f"{kind} hook for {method!r}, which is no method here")
            self._hooks[kind].setdefault(method, []).extend([some] if callable(some) else some)

    def of(self, kind: Kind, method: str) -> list[Hook]:
        """The hooks for a method in the order they run: `all` first, except for errors, where it is last."""
        table = self._hooks[kind]
        general, special = table.get("all", []), table.get(method, [])
        return [*special, *general] if kind == "error" else [*general, *special]


def pipeline(method: str, app_hooks: HookTable, service_hooks: HookTable) -> Run:
    """All that happens in a call of `method`, as one function."""
    return _level(app_hooks, method, _level(service_hooks, method, call_method))


async def call_method(context: HookContext) -> None:
    """Call the service, unless a hook has set the result already."""
    if context.has_result:
        return
    signature = context.signature.arguments
    if "id" in signature and context.id is None and "id" not in context.given:
        # An id that was left out must never be taken for null, which means all records.
        raise NotFound("No record found for id 'undefined'")
    result = getattr(context.service.object, context.method)(*context.arguments)
    context.result = await result if inspect.isawaitable(result) else result


def _level(table: HookTable, method: str, inner: Run) -> Run:
    run = inner
    before, after, error = table.of("before", method), table.of("after", method), table.of("error", method)
    if before or after or error:
        run = _collected(before, after, error, inner)
    for hook in reversed(table.of("around", method)):
        run = _around(hook, run)
    return run


def _collected(before: list[Hook], after: list[Hook], error: list[Hook], inner: Run) -> Run:
    async def run(context: HookContext) -> None:
        try:
            for hook in before:
                await _call(hook, context, "before")
            await inner(context)
            for hook in after:
                await _call(hook, context, "after")
        except Exception as failure:
            if not error:
                raise
            await _run_error_hooks(error, context, failure)

    return run


async def _run_error_hooks(hooks: list[Hook], context: HookContext, failure: Exception) -> None:
    """Run error hooks until one sets a result, which swallows the error; raise what is left of it."""
    context.error = failure
    context.forget_result()
    for hook in hooks:
        try:
            await _call(hook, context, "error")
        except Exception as another:
            context.error = another
            context.forget_result()
            continue
        if context.has_result:
            context.error = None
            return
    # A hook may have put another error in the place of the first, or taken it away.
    left = context.error or failure
    if left is failure:
        raise failure
    raise left from failure


def _around(hook: Hook, inner: Run) -> Run:
    async def run(context: HookContext) -> None:
        called = False

        async def call_next() -> None:
            nonlocal called
            if called:
                raise RuntimeError("call_next() called multiple times")
            called = True
            await inner(context)
            context.type = "around"

        context.type = "around"
        outcome = hook(context, call_next)
        if inspect.isawaitable(outcome):
            await outcome

    return run


async def _call(hook: Hook, context: HookContext, kind: Kind) -> None:
    context.type = kind
    outcome = hook(context)
    if inspect.isawaitable(outcome):
        await outcome
