#!/bin/sh
# Makes the images of images/ from Debian's archive, as .cache/images/NAME.tar for `docker load`.
#   tools/images.sh [NAME…]     default: all
# All but busybox share one Debian layer. What is there and up to date is left alone.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
cache=$root/.cache/images
arch=$(dpkg --print-architecture)
epoch=1750000000
say() { echo "images: $*"; }

# One at a time: two test runs must not write the same files.
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9

key_of() { (cd "$root" && cat tools/images.sh images/layer.sh && find "images/$1" images/debian -type f | LC_ALL=C sort | xargs sha256sum) | sha256sum | cut -d ' ' -f 1; }
fresh() { [ -e "$cache/$1.tar" ] && [ "$(cat "$cache/$1.key" 2>/dev/null)" = "$(key_of "$1")" ]; }

mirror() { apt-get indextargets --format '$(SITE) $(RELEASE)' | sed -n 's/ bookworm$//p' | head -n 1; }

pack() { # FOLDER LAYER.tar
  tar --create --file "$2.part" --directory "$1" --sort=name --mtime="@$epoch" --clamp-mtime --numeric-owner --xattrs --xattrs-include='security.*' --format=posix \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime .
  mv "$2.part" "$2"
}

# Writes a docker-archive: the image's config, its layers in order, and the manifest that names both.
archive() { # NAME LAYER.tar…
  name=$1
  shift
  work=$(mktemp -d "$cache/.archive.XXXXXX")
  ids='' files=''
  for layer in "$@"; do
    id=$(sha256sum "$layer" | cut -d ' ' -f 1)
    ln "$layer" "$work/$id.tar"
    ids="$ids${ids:+,}\"sha256:$id\""
    files="$files${files:+,}\"$id.tar\""
  done
  # shellcheck source=/dev/null
  tag=$(cat "images/$name/tag")
  history=$(echo "$ids" | sed "s|\"sha256:[0-9a-f]*\"|{\"created\":\"$(date -u -d "@$epoch" +%FT%TZ)\",\"created_by\":\"tools/images.sh $name\"}|g")
  printf '{"architecture":"%s","os":"linux","created":"%s","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
    "$arch" "$(date -u -d "@$epoch" +%FT%TZ)" "$(cat "images/$name/config.json")" "$ids" "$history" >"$work/config.json"
  config=$(sha256sum "$work/config.json" | cut -d ' ' -f 1)
  mv "$work/config.json" "$work/$config.json"
  printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":[%s]}]' "$config" "$tag" "$files" >"$work/manifest.json"
  tar --create --file "$cache/$name.tar.part" --directory "$work" --numeric-owner --owner=0 --group=0 --mtime="@$epoch" manifest.json "$config.json" $(ls "$work" | grep '\.tar$')
  mv "$cache/$name.tar.part" "$cache/$name.tar"
  rm -r -- "$work"
  key_of "$name" >"$cache/$name.key"
  say "$tag: $(du -h "$cache/$name.tar" | cut -f 1)"
}

make_busybox() {
  work=$(mktemp -d "$cache/.busybox.XXXXXX")
  mkdir -p "$work/bin" "$work/etc" "$work/root" "$work/home" "$work/var/www" "$work/usr/bin" "$work/usr/sbin" "$work/sbin"
  chmod 755 "$work"
  mkdir -m 1777 "$work/tmp"
  cp /bin/busybox "$work/bin/busybox"
  for applet in $(/bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$work/bin/$applet"; done
  cp -R images/busybox/files/. "$work/"
  pack "$work" "$cache/busybox.layer"
  rm -r -- "$work"
  archive busybox "$cache/busybox.layer"
}

make_debian() {
  rm -rf -- "$cache/debian.root" "$cache/debian.lists"
  mkdir -p "$cache/debian.lists/partial" "$cache/archives/partial"
  SOURCE_DATE_EPOCH=$epoch mmdebstrap --quiet --mode=root --variant=minbase --include=procps \
    --dpkgopt=images/debian/dpkg.cfg --dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' \
    --customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"; : >"$1/etc/resolv.conf"; cp images/debian/dpkg.cfg "$1/etc/dpkg/dpkg.cfg.d/slim"; echo localhost >"$1/etc/hostname"' \
    --customize-hook="cp -R \"\$1/var/lib/apt/lists/.\" '$cache/debian.lists/'" \
    bookworm "$cache/debian.root" "deb $(mirror) bookworm main" >"$cache/debian.log" 2>&1 || { cat "$cache/debian.log" >&2; exit 1; }
  pack "$cache/debian.root" "$cache/debian.layer"
  archive debian "$cache/debian.layer"
}

# What apt adds to the Debian layer, taken as the upper layer of an overlay.
make_debian_plus() { # NAME
  fresh debian && [ -e "$cache/debian.layer" ] || make_debian
  work=$(mktemp -d "$cache/.$1.XXXXXX")
  unshare --mount --propagation private sh images/layer.sh "$cache" "$work" "images/$1" >"$cache/$1.log" 2>&1 || { tail -n 30 "$cache/$1.log" >&2; exit 1; }
  pack "$work/upper" "$cache/$1.layer"
  rm -rf -- "$work"
  archive "$1" "$cache/debian.layer" "$cache/$1.layer"
}

[ $# -gt 0 ] || set -- busybox debian nginx redis mariadb postgres python node
for image in "$@"; do
  [ -e "images/$image/config.json" ] || { echo "images: no recipe named '$image' in images/" >&2; exit 1; }
  fresh "$image" && continue
  say "making $image"
  case $image in
    busybox | debian) "make_$image" ;;
    *) make_debian_plus "$image" ;;
  esac
done
