"""What a console shows as an SVG file: one file for light pages and for dark ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from einbench.host.documents import write_whole

if TYPE_CHECKING:
    from rich.console import Console

# rich's own format fetches a font from a public address; this one takes what the reader has
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
@media (prefers-color-scheme: dark) {{
svg > rect {{ fill: @dark@; stroke: #666666; }}
.{unique_id}-title {{ fill: #e2e2e6; }}
@styles@
}}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_DARK_BACKGROUND = (24, 24, 27)


def svg(path: Path, show: Callable[[Console], None], width: int) -> Path:
    """Have ``show`` print to a console of ``width`` columns and draw what it printed."""
    from rich.console import Console
    from rich.terminal_theme import TerminalTheme

    normal = [
        (36, 41, 47), (196, 30, 36), (17, 122, 55), (140, 96, 0),
        (20, 90, 180), (130, 50, 160), (0, 100, 130), (255, 255, 255),
    ]  # fmt: skip
    light = TerminalTheme((255, 255, 255), (36, 41, 47), normal, normal)
    bright = [
        (60, 60, 64), (200, 40, 46), (98, 208, 120), (226, 184, 74),
        (120, 174, 250), (208, 150, 236), (94, 206, 226), (255, 255, 255),
    ]  # fmt: skip
    dark = TerminalTheme(_DARK_BACKGROUND, (226, 226, 230), bright, bright)
    console = Console(
        record=True, file=io.StringIO(), width=width, force_terminal=True, force_jupyter=False,
        color_system="truecolor", no_color=False, legacy_windows=False, highlight=False,
    )  # fmt: skip
    show(console)

    def export(theme: TerminalTheme, code_format: str) -> str:
        return console.export_svg(
            title="einbench", theme=theme, clear=False, code_format=code_format,
            unique_id="einbench",
        )  # fmt: skip

    # the classes of both themes come in the same order: the order of the styles printed
    dark_styles = export(dark, "{styles}").replace("{", "{{").replace("}", "}}")
    background = "#{:02x}{:02x}{:02x}".format(*_DARK_BACKGROUND)
    adaptive = _FORMAT.replace("@dark@", background).replace("@styles@", dark_styles)
    write_whole(path, export(light, adaptive))
    return path
