"""The parts of the screens: one widget a file, each a picture of `ConsoleState`."""
