"""Every action of the control room, declared once; see `engine.ops.spec`."""
