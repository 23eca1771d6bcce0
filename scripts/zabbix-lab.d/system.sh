# shellcheck shell=bash
# Where the programs come from: this system, or for 7.0 a Debian 13 in a folder of the cache, which is entered in a mount name
# space of each process' own, so that nothing stays mounted.

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
packages="postgresql zabbix-server-pgsql zabbix-frontend-php php-cli php-cgi php-pgsql zabbix-agent zabbix-agent2 libsqlite3-0"

# Sets root (what to put before a path of the system), inside (the prefix of a command), bin (PostgreSQL's programs) and
# proxy_program.
choose_system() {
  inside=() root=
  store=$cache/$version
  proxy_program=$store/proxy/usr/sbin/zabbix_proxy
  if [ "$version" != 6.0 ]; then
    root=$store/root
    proxy_program=/proxy/usr/sbin/zabbix_proxy
    # The lab has the same path inside.
    inside=(unshare --mount --propagation private -- sh -ec '
      root=$1 dir=$2
      shift 2
      mkdir -p "$root$dir"
      mount --bind "$dir" "$root$dir"
      mount --rbind /proc "$root/proc"
      mount --rbind /dev "$root/dev"
      exec chroot "$root" "$@"' enter "$root" "$dir")
  fi
  local found
  found=$(find "$root/usr/lib/postgresql" -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1) || true
  bin=${found#"$root"}
}

# as USER COMMAND … — in the lab's system.
as() {
  local user=$1
  shift
  (cd / && exec "${inside[@]}" setpriv --reuid "$user" --regid "$user" --init-groups env -i PATH="$path" LC_ALL=C.UTF-8 "$@")
}

own() { "${inside[@]}" chown "$@"; }

provide_system() {
  choose_system
  mkdir -p "$store"
  [ "$version" = 6.0 ] || provide_chroot
  # The packages of server and proxy exclude each other, so the proxy is only unpacked.
  local have
  have=$("${inside[@]}" dpkg-query -W -f '${Version}' zabbix-server-pgsql)
  [ "$(cat "$store/proxy.version" 2>/dev/null)" != "$have" ] || return 0
  local to=$root$([ -n "$root" ] && echo /proxy || echo "$store/proxy")
  echo "unpacking zabbix-proxy-sqlite3 $have" >&2
  rm -rf "$to" "$to.deb"
  mkdir -p "$to" "$to.deb"
  "${inside[@]}" sh -ec 'cd "$1" && apt-get -qq -o APT::Sandbox::User=root download "zabbix-proxy-sqlite3=$2" && dpkg -x ./*.deb "$3"' \
    sh "${to#"$root"}.deb" "$have" "${to#"$root"}" >&2 || fail "zabbix-proxy-sqlite3 $have cannot be had; try apt-get update"
  rm -rf "$to.deb"
  echo "$have" >"$store/proxy.version"
}

provide_chroot() {
  [ ! -e "$root/ready" ] || return 0
  echo "making a Debian 13 with Zabbix 7.0 in $root (two minutes, once)" >&2
  command -v debootstrap >/dev/null || fail "Zabbix $version cannot be had here: no debootstrap"
  rm -rf "$root"
  mkdir -p "$root"
  if ! {
    debootstrap --variant=minbase trixie "$root" &&
      # No service starts, no database cluster is made.
      printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d" &&
      mkdir -p "$root/etc/postgresql-common/createcluster.d" &&
      echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.d/lab.conf" &&
      "${inside[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $packages
  } >"$store/debootstrap.log" 2>&1 </dev/null; then
    tail -n 3 "$store/debootstrap.log" >&2
    fail "Zabbix $version cannot be had here, see $store/debootstrap.log"
  fi
  touch "$root/ready"
}

leave_system() {
  [ -z "$root" ] || rmdir "$root$dir" 2>/dev/null || true
}
