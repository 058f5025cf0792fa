"""What the service loads of the scanner."""

import subprocess
import sys

PARENT = ["sources", "camera", "health", "seen", "spec", "pipe", "command", "handheld", "framing", "hid", "holder"]


def test_the_service_side_never_loads_opencv_or_numpy():
    code = (
        f"import sys\nfor name in {PARENT}: __import__('scanner.' + name)\n"
        "assert not {'cv2', 'numpy', 'pyzbar', 'zxingcpp'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-I", "-c", code], check=True)
