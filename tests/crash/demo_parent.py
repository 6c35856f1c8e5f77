"""A parent for the crash tests: runs the demonstration's script and prints its events, until it is killed.

python demo_parent.py STATE_DIR '{"rate": 1000}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from engine.demo import run_script

for event in run_script(Path(sys.argv[1]), **json.loads(sys.argv[2])):
    sys.stdout.write(json.dumps(event.to_json()) + "\n")
    sys.stdout.flush()
