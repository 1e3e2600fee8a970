#!/usr/bin/env bash
# What the tests need besides what building needs: an RTSP server to be an IP camera (GStreamer, driven from Debian's Python); a virtual
# machine to have a webcam (QEMU, and what builds its initramfs); systemd-analyze, for the service files; a clock that can be stepped
# (faketime); a screen without glass with a window manager, hands and eyes for it, and the libraries that the viewer's window loads when
# it opens; a browser for the page, and node (20 or later) with npm to drive it.
set -euo pipefail
"$(dirname "$0")/packages.sh" python3 python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly qemu-system-x86 busybox-static kmod cpio binutils systemd faketime \
  chromium fonts-dejavu-core xvfb openbox xdotool x11-utils imagemagick \
  libx11-6 libx11-xcb1 libxcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0
# Another node than Debian's serves as well, and its package forbids Debian's npm.
command -v npm >/dev/null || "$(dirname "$0")/packages.sh" nodejs npm
