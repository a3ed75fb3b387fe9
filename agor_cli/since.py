"""`--since`: an age or a date, as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_AGO = re.compile(r"(\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Since(click.ParamType[str]):
    """A time in the past: `7d`, `12h`, or a date. Converted to ISO text in UTC."""

    name = "age or date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """`value` as a time the daemon reads."""
        if ago := _AGO.fullmatch(value.strip().lower()):
            moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            try:
                moment = datetime.fromisoformat(value).astimezone(UTC)
            except ValueError:
                self.fail(f"{value!r} is neither an age such as 7d, 12h or 2w, nor a date such as 2026-11-25", param)
        return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
