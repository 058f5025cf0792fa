"""An RTSP camera as most are: gst-rtsp-server, H.264. Runs under Debian's python3, which has GStreamer's bindings.

`python3 gst_rtspd.py FOLDER` streams FOLDER/0.jpg, 1.jpg, … in a loop and writes its port to FOLDER/port;
FOLDER/fixed-port names the port to take. With no folder it only tells, by its exit status, whether it could.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions come first

NEEDED = ("multifilesrc", "jpegdec", "videoconvert", "x264enc", "rtph264pay")
PIPELINE = (
    '( multifilesrc location="{folder}/%d.jpg" loop=true caps="image/jpeg,framerate=15/1" ! jpegdec ! videoconvert '
    "! x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 key-int-max=15 ! rtph264pay name=pay0 pt=96 )"
)


def serve(folder: Path) -> None:
    server = GstRtspServer.RTSPServer()
    fixed = folder / "fixed-port"
    server.set_address("127.0.0.1")
    server.set_service(fixed.read_text() if fixed.exists() else "0")
    media = GstRtspServer.RTSPMediaFactory()
    media.set_launch(PIPELINE.format(folder=folder))
    media.set_shared(True)
    server.get_mount_points().add_factory("/s", media)
    if not server.attach(None):
        raise SystemExit("the port is taken")
    (folder / "port.new").write_text(str(server.get_bound_port()))
    (folder / "port.new").rename(folder / "port")
    GLib.MainLoop().run()


if __name__ == "__main__":
    Gst.init(None)
    missing = [name for name in NEEDED if Gst.ElementFactory.find(name) is None]
    if missing:
        raise SystemExit(f"GStreamer lacks {', '.join(missing)}")
    if len(sys.argv) > 1:
        serve(Path(sys.argv[1]))
