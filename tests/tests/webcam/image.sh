#!/usr/bin/env bash
# Builds a machine with a webcam: a Debian kernel, and an initramfs with the driver of a virtual camera (vivid), the agent and the shared
# libraries that it needs. Nothing is installed on this machine.
#
#   image.sh OUT AGENT FOLDER CACHE     kernel and initramfs go into OUT; FOLDER becomes /camera; the kernel's package is kept in CACHE
set -euo pipefail

out=$(realpath "$1") agent=$(realpath "$2") folder=$(realpath "$3") cache=$(realpath -m "$4")
here=$(dirname "$(realpath "$0")")
export PATH=$PATH:/usr/sbin:/sbin

apt-cache show linux-image-amd64 >/dev/null 2>&1 || apt-get update -qq
# Not the cloud kernel, which has no cameras.
package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: //p' | head -1)
mkdir -p "$cache"
if ! ls "$cache/$package"_*.deb >/dev/null 2>&1; then
  rm -f "$cache"/linux-image-*.deb
  (cd "$cache" && apt-get download -qq "$package")
fi
dpkg -x "$(ls "$cache/$package"_*.deb)" "$out/kernel"
version=$(basename "$out"/kernel/lib/modules/*)
cp "$out/kernel/boot/vmlinuz-$version" "$out/vmlinuz"

root=$out/root
mkdir -p "$root"/{bin,modules,camera}
cp "$here/init" "$root/init"
chmod 755 "$root/init"
cp /bin/busybox "$root/bin/busybox"
cp -r "$folder"/. "$root/camera"

# The driver and what it needs, in the order in which they are loaded.
depmod -b "$out/kernel" "$version"
number=100
while read -r _ module _; do
  case $module in
    *.xz) xz -dc "$module" >"$root/modules/$number-$(basename "$module" .xz)" ;;
    *.zst) zstd -qdc "$module" >"$root/modules/$number-$(basename "$module" .zst)" ;;
    *) cp "$module" "$root/modules/$number-$(basename "$module")" ;;
  esac
  number=$((number + 1))
done < <(modprobe -d "$out/kernel" -S "$version" --show-depends vivid | grep '^insmod')
rm -rf "$out/kernel"

strip -o "$root/bin/camera-agent" "$agent"
ldd "$agent" | grep -o '/[^ ]*' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
(cd "$root" && find . | cpio --quiet -o -H newc) >"$out/initramfs"
rm -rf "$root"
