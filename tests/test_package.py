"""What the package may import when it starts. `lint-imports` holds the layers and finds circles."""

from __future__ import annotations

import subprocess
import sys


def test_the_package_itself_loads_no_heavy_library():
    code = (
        "import sys, bakeoff\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'matplotlib', 'datasets', 'pandas', 'numpy', 'pyarrow'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )

    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert imported.stderr.strip() == ""
