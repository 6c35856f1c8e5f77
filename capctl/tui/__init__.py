"""The control room: what an engineer looks at while a rollout goes on.

`run_tui` opens it. This package stays cheap to import: the terminal is settled before Textual is loaded.
"""

from capctl.tui.launch import run_tui

__all__ = ["run_tui"]
