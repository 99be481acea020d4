"""A second, independent RTSP server for tests: gst-rtsp-server with test pictures; needs Debian's python3-gi, not the venv.

Prints one line of JSON once it listens: {mount: URL}. Mounts: see LAUNCH; `h264_digest` has a port of its own.
The port of the others may be given as the only argument.
Ends when its standard input does.
"""

import json
import os
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - after the versions are chosen

SOURCE = "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1"
X264 = "x264enc speed-preset=ultrafast key-int-max=15 bitrate=400"
H264 = f"{SOURCE} ! {X264} tune=zerolatency threads=1 ! rtph264pay name=pay0 pt=96 config-interval=-1"
TONE = "audiotestsrc is-live=true wave=ticks"
LAUNCH = {
    "h264": H264,
    "h264_no_inband": H264.replace(" config-interval=-1", ""),
    "h264_aac": f"{H264} {TONE} ! audio/x-raw,rate=16000,channels=1 ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97",
    "h264_pcma": f"{H264} {TONE} ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8",
    "h264_bframes": f"{SOURCE} ! {X264} bframes=2 b-adapt=false rc-lookahead=5 sync-lookahead=0 threads=1"
    " option-string=b-pyramid=none:bframes=2 ! video/x-h264,profile=main ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "h265": f"{SOURCE} ! x265enc speed-preset=ultrafast tune=zerolatency key-int-max=15 bitrate=400"
    " option-string=repeat-headers=1:pools=1:frame-threads=1 ! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1",
}
USER, PASSWORD = "edge", "s3cret"


def factory(launch):
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(f"( {launch} )")
    made.set_shared(True)
    made.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
    return made


def server_with(mounts, port):
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    for name, made in mounts.items():
        server.get_mount_points().add_factory(f"/{name}", made)
    server.attach(None)
    return server


def digest_server():
    made = factory(H264)
    permissions = GstRtspServer.RTSPPermissions()
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", permission, True)
    made.set_permissions(permissions)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(USER, PASSWORD, token)
    server.set_auth(auth)
    server.get_mount_points().add_factory("/h264_digest", made)
    server.attach(None)
    return server


def main():
    Gst.init(None)
    plain = server_with(
        {name: factory(launch) for name, launch in LAUNCH.items()}, sys.argv[1] if sys.argv[1:] else "0"
    )
    digest = digest_server()
    urls = {name: f"rtsp://127.0.0.1:{plain.get_bound_port()}/{name}" for name in LAUNCH}
    urls["h264_digest"] = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:{digest.get_bound_port()}/h264_digest"
    print(json.dumps(urls), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(
        sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP | GLib.IOCondition.IN, lambda *_: os._exit(0)
    )
    loop.run()


if __name__ == "__main__":
    main()
