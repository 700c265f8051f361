# A machine of its own for one test: systemd is process 1 in it, with its own processes, mounts, network and control groups, on the root of
# this machine with a layer above it that is thrown away. Called as: sh systemd.sh GROUP FOLDER PROGRAM; GROUP is removed by who calls.
set -e
if [ "$4" != inside ]; then
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -f "$hierarchy/cgroup.procs" ] || continue
    mkdir "$hierarchy/$1" && echo $$ > "$hierarchy/$1/cgroup.procs"
  done
  exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup sh "$0" "$1" "$2" "$3" inside
fi
mount --make-rprivate /
mount -t tmpfs tmpfs "$2"
cd "$2"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount -t sysfs -o ro sysfs root/sys
mount -t tmpfs tmpfs root/run
if [ -f /sys/fs/cgroup/cgroup.procs ]; then
  mount -t cgroup2 cgroup2 root/sys/fs/cgroup
else
  mount -t tmpfs tmpfs root/sys/fs/cgroup
  mkdir root/sys/fs/cgroup/unified root/sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 root/sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup root/sys/fs/cgroup/systemd
fi
# The package, where npm puts it.
package=root/usr/lib/node_modules/svc-mailbox
rm -rf "$package"
mkdir -p "$package/node_modules"
cp -a "$3/bin" "$3/dist" "$3/package.json" "$package"
mount --rbind "$3/node_modules" "$package/node_modules"
ln -sf ../lib/node_modules/svc-mailbox/bin/mailbox.js root/usr/bin/mailbox
cp -a "$3/examples/operations/systemd" root/root/unit
# Nothing else of this machine is started: targets that order units, and start none.
rm -rf root/etc/systemd/system
mkdir root/etc/systemd/system
for target in sysinit basic network-online multi-user shutdown; do
  printf '[Unit]\nDefaultDependencies=no\n' > "root/etc/systemd/system/$target.target"
done
export container=other SYSTEMD_UNIT_PATH=/etc/systemd/system
exec chroot root /lib/systemd/systemd --system --unit=basic.target --log-target=null
