#!/bin/sh
# Installs a recipe's packages and files over the Debian root, inside a mount namespace of its own.
#   layer.sh CACHE WORK RECIPE    leaves the difference in WORK/upper, with OCI whiteouts
set -eu
cache=$1 work=$2 recipe=$3
merged=$work/merged
mkdir -p "$merged" "$work/upper" "$work/work" "$cache/archives/partial"
mount -t overlay overlay -o "lowerdir=$cache/debian.root,upperdir=$work/upper,workdir=$work/work" "$merged"
mount -t proc proc "$merged/proc"
mount --bind /dev "$merged/dev"
mount -t tmpfs tmpfs "$merged/tmp"
mount --bind /etc/resolv.conf "$merged/etc/resolv.conf"
mount --bind "$cache/debian.lists" "$merged/var/lib/apt/lists"
mount --bind "$cache/archives" "$merged/var/cache/apt/archives"

# No service may start while packages are set up.
printf '#!/bin/sh\nexit 101\n' >"$merged/usr/sbin/policy-rc.d"
chmod 755 "$merged/usr/sbin/policy-rc.d"
# shellcheck disable=SC2046  # a list of names
DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$merged" apt-get -qy -o Dpkg::Options::=--force-unsafe-io -o APT::Sandbox::User=root \
  install --no-install-recommends $(cat "$recipe/packages")
rm "$merged/usr/sbin/policy-rc.d"
[ ! -d "$recipe/files" ] || cp -R "$recipe/files/." "$merged/"
[ ! -e "$recipe/finish.sh" ] || chroot "$merged" sh -eu <"$recipe/finish.sh"
umount -R "$merged"

cd "$work/upper"
rm -rf -- tmp var/cache/apt var/cache/debconf var/lib/apt var/log/apt var/log/dpkg.log var/log/alternatives.log run
# overlayfs marks a removed file by a 0:0 character device; images mark it by a name.
find . -type c | while read -r gone; do
  rm -- "$gone"
  : >"$(dirname "$gone")/.wh.$(basename "$gone")"
done
