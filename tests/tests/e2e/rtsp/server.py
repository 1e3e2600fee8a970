"""A camera for the tests: an RTSP server on 127.0.0.1 that does what its arguments and its standard input say.

It says "listening PORT" when it is ready. Lines that it understands while it runs:
  size WIDTH HEIGHT   the stream goes on in another size
  pause, resume       no picture comes, and the connection stays; it goes on
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# What is sent, by name. "reordered" has pictures that stand between others which come later; "rare" begins anew after an hour.
QUICK = "x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000"
ENCODERS = {
    "baseline": QUICK + " key-int-max=10 ! video/x-h264,profile=baseline ! rtph264pay",
    "main": QUICK + " key-int-max=10 cabac=true ! video/x-h264,profile=main ! rtph264pay",
    "reordered": "x264enc speed-preset=veryfast bitrate=1000 bframes=2 b-adapt=false rc-lookahead=2 key-int-max=10"
    " ! video/x-h264,profile=high ! rtph264pay",
    "interlaced": QUICK + " key-int-max=10 ! video/x-h264,profile=main ! rtph264pay",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph265pay",
    "mjpeg": "jpegenc ! rtpjpegpay",
}


def launch(options):
    """The description of the pipeline."""
    config = "" if options.encoder == "mjpeg" else "config-interval=-1"
    return (
        f"( videotestsrc is-live=true pattern={options.pattern} ! capsfilter name=size caps={caps(options, *options.size)}"
        f" ! valve name=valve ! {ENCODERS[options.encoder]} name=pay0 pt=96 {config} )"
    )


def caps(options, width, height):
    """What the encoder is given."""
    interlaced = ",interlace-mode=interleaved,field-order=top-field-first" if options.encoder == "interlaced" else ""
    return f"video/x-raw,format=I420,width={width},height={height},framerate=10/1,colorimetry={options.colour}{interlaced}"


def login(server, factory, options):
    """Lets in only whoever knows name and password."""
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    user, password = options.login.split(":", 1)
    if options.auth == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", permission, True)
    factory.set_permissions(permissions)


def obey(factory, media, options):
    """Reads what is wanted of the stream."""
    for line in sys.stdin:
        word, *rest = line.split()
        # The stream that is watched, once somebody watches it.
        element = media[-1].get_element()
        if word == "size":
            options.size = (int(rest[0]), int(rest[1]))
            factory.set_launch(launch(options))
            element.get_by_name("size").set_property("caps", Gst.Caps.from_string(caps(options, *options.size)))
        elif word in ("pause", "resume"):
            element.get_by_name("valve").set_property("drop", word == "pause")
        print("done", line.strip(), flush=True)


def main():
    """Serves until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--encoder", choices=ENCODERS, default="baseline")
    parser.add_argument("--pattern", default="smpte75")
    parser.add_argument("--size", type=int, nargs=2, default=(320, 192))
    parser.add_argument("--colour", default="bt601")
    parser.add_argument("--auth", choices=("basic", "digest"))
    parser.add_argument("--login", help="USER:PASSWORD")
    options = parser.parse_args()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch(options))
    factory.set_shared(True)
    media = []
    factory.connect("media-configure", lambda _, one: media.append(one))
    if options.auth:
        login(server, factory, options)
    server.get_mount_points().add_factory("/stream", factory)
    server.attach(None)
    print("listening", server.get_bound_port(), flush=True)
    threading.Thread(target=obey, args=(factory, media, options), daemon=True).start()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
