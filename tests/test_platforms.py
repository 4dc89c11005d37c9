"""Which Pythons and systems the package runs on."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_it_imports_and_searches_where_signals_processes_and_proc_are_windows_own(tables, tmp_path):
    script = Path(__file__).with_name("elsewhere.py")
    command = [sys.executable, str(script), str(tmp_path), str(tables)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
