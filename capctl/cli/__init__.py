"""The command line: every operation as a command, with stable exit codes and output."""
