"""Forks backups and restores again and again, to be killed: importing everything anew for each would take minutes.

Reads JSON objects from stdin, one a line, `{"backup": FOLDER}` or `{"restore": TARGET}`; writes the pid of each child,
and then how it ended. The world is given on the command line: state directory, identity file, archive.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pyrage
import zstandard  # noqa: F401

from engine.bootstrap import open_context
from engine.recovery import Trust, create_backup, open_backup, read_identities, recipient_of, restore_backup
from engine.settings import Settings
from engine.trust.custody import open_signer
from engine.trust.keyfile import KeyPurpose

state_dir, identity_file, archive = map(Path, sys.argv[1:])
settings = replace(Settings(), env="demo", state_dir=state_dir)


def act(command: dict[str, str]) -> None:
    """Do it, in a process of one's own."""
    identities = read_identities(identity_file)
    with open_context(settings, actor="oncall") as ctx:
        signer = open_signer(ctx, KeyPurpose.BACKUP)
        if "backup" in command:
            create_backup(ctx, Path(command["backup"]), [recipient_of(identities[0])], signer)
        else:
            opened = open_backup(archive, Trust(kids=frozenset({signer.public_key.kid})))
            restore_backup(ctx, opened, Path(command["restore"]), identities)


def tell(number: int) -> None:
    """One line to whoever watches."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


assert pyrage
for line in sys.stdin:
    if (pid := os.fork()) == 0:
        try:
            act(json.loads(line))
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    tell(pid)
    _, status = os.waitpid(pid, 0)
    tell(os.waitstatus_to_exitcode(status))
