# shellcheck shell=bash
# The parts of the lab: their folders, configuration and command lines, and how each says that it is ready.

# In the order in which they start.
choose_parts() {
  parts=(postgres frontend)
  [ -z "$demo" ] || parts+=(routers)
  parts+=(server proxy)
  [ -z "$second" ] || parts+=(proxy2)
  parts+=(agentd agent2)
}

# A line of the lab's description.
keep() {
  echo "$1=$2" >>"$dir/lab"
  declare -g "$1=$2"
}

# Twenty neighbouring ports that nobody uses and no other lab has; Zabbix takes none above 32767.
take_ports() {
  local base port owner part tried first=$((RANDOM % 630))
  mkdir -p "$cache/ports"
  # From anywhere: a lab with another cache, e.g. in a chroot, is seen only once it listens.
  for ((tried = 0; tried < 630; tried++)); do
    base=$((20100 + (first + tried) % 630 * 20))
    owner=$(cat "$cache/ports/$base" 2>/dev/null) || owner=
    [ -z "$owner" ] || [ ! -e "$owner/lab" ] || continue
    for ((port = base; port < base + 20; port++)); do
      ! listens "$port" || continue 2
    done
    echo "$dir" >"$cache/ports/$base"
    {
      echo "version=$version"
      echo "demo="
      for part in frontend server proxy agentd agent2 routers proxy2; do echo "port_$part=$((base++))"; done
    } >"$dir/lab"
    return
  done
  fail "no free ports below 32767"
}

set_up() {
  local part
  mkdir -p "$dir/pids" "$dir/bin" "$dir/run"
  for part in "${parts[@]}"; do mkdir -p "$dir/$part"; done
  # A copy: a user's folder is often closed to others. Renamed into place: the old one may be running.
  install -m 755 "$binary" "$dir/bin/ddl-monitor.new"
  mv "$dir/bin/ddl-monitor.new" "$dir/bin/ddl-monitor"
  own postgres:postgres "$dir/postgres"
  # Whoever may enter it is a superuser of the database.
  own postgres:zabbix "$dir/run"
  chmod 710 "$dir/run"
  set_up_frontend
  set_up_daemons
  load_database
  load_database_of_proxy
}

# initdb and the packaged SQL take 15 s, so what comes out is kept.
load_database() {
  [ ! -e "$dir/postgres/data/PG_VERSION" ] || return 0
  local kept sql=/usr/share/zabbix-server-pgsql
  kept=$store/database$("${inside[@]}" dpkg-query -W -f '-${Version}' zabbix-server-pgsql "postgresql-$(basename "$(dirname "$bin")")").tar
  if [ -e "$kept" ]; then
    tar -C "$dir/postgres" -xf "$kept" --numeric-owner
    return
  fi
  echo "loading Zabbix' database (20 s, once)" >&2
  rm -rf "$dir/postgres/data"
  as postgres "$bin/initdb" -D "$dir/postgres/data" -A trust -E UTF8 --locale=C.UTF-8 --no-sync --wal-segsize=1 >/dev/null </dev/null
  run_part postgres
  ready postgres
  as postgres "$bin/createuser" -h "$dir/run" zabbix </dev/null
  as postgres "$bin/createdb" -h "$dir/run" -O zabbix zabbix </dev/null
  as zabbix sh -ec 'for part in schema images data; do gzip -cd "$1/$part.sql.gz"; done' sh "$sql" </dev/null |
    as zabbix "$bin/psql" -q -o /dev/null -v ON_ERROR_STOP=1 -h "$dir/run" zabbix >&2
  # It would be a problem from the start: nothing listens on an agent's usual port.
  as zabbix "$bin/psql" -q -h "$dir/run" zabbix -c "UPDATE hosts SET status=1 WHERE host='Zabbix server'" </dev/null
  # Without statistics an import takes half a minute.
  as postgres "$bin/psql" -q -h "$dir/run" zabbix -c 'VACUUM ANALYZE' </dev/null
  stop_processes postgres
  tar -C "$dir/postgres" -cf "$kept.new" --numeric-owner data
  mv "$kept.new" "$kept"
}

# A proxy makes its own at its first start; that of 7.0 takes 8 s for it.
load_database_of_proxy() {
  local kept
  kept=$store/proxy-$(cat "$store/proxy.version").db
  [ -e "$kept" ] || make_database_of_proxy "$kept"
  local part
  for part in proxy ${second:+proxy2}; do
    [ -e "$dir/$part/proxy.db" ] || cp --preserve=mode,ownership "$kept" "$dir/$part/proxy.db"
  done
}

make_database_of_proxy() {
  local kept=$1
  run_part proxy
  await proxy grep -q 'proxy #0 started' "$dir/proxy/proxy.log"
  stop_processes proxy
  rm "$dir/proxy/proxy.log"
  cp --preserve=mode,ownership "$dir/proxy/proxy.db" "$kept.new"
  mv "$kept.new" "$kept"
}

set_up_frontend() {
  local to=$dir/frontend from=/usr/share/zabbix
  [ -z "$root" ] || [ -d "$root$from/include" ] || from=/usr/share/zabbix/ui
  if [ ! -e "$to/complete" ]; then
    # With what its links lead to: fonts that lie elsewhere.
    "${inside[@]}" cp -rL "$from" "$to/ui"
    # Debian's tree knows only /etc.
    sed -i "s|'/etc/zabbix/zabbix.conf.php'|'$to/zabbix.conf.php'|" "$to/ui/include/classes/core/CConfigFile.php"
    # Without a locale of this name every page shows an error.
    mkdir -p "$to/locale" "$to/sessions"
    cp -a "$root/usr/lib/locale/C.utf8" "$to/locale/en_US.utf8"
    own zabbix:zabbix "$to/sessions"
    touch "$to/complete"
  fi
  cp "$top/scripts/zabbix-lab.d/api.php" "$to/api.php"
  cat >"$to/zabbix.conf.php" <<PHP
<?php
\$DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '$dir/run', 'PORT' => '0', 'DATABASE' => 'zabbix', 'USER' => 'zabbix',
  'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false, 'VERIFY_HOST' => false, 'KEY_FILE' => '', 'CERT_FILE' => '',
  'CA_FILE' => '', 'CIPHER_LIST' => '', 'VAULT' => '', 'VAULT_URL' => '', 'VAULT_DB_PATH' => '', 'VAULT_TOKEN' => '',
  'DOUBLE_IEEE754' => true];
\$ZBX_SERVER = '127.0.0.1';
\$ZBX_SERVER_PORT = '$port_server';
\$ZBX_SERVER_NAME = 'ddl-monitor lab';
\$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
PHP
}

set_up_daemons() {
  local part proxy_frequency=ConfigFrequency
  [ "$version" = 6.0 ] || proxy_frequency=ProxyConfigFrequency
  for part in server proxy ${second:+proxy2} agentd agent2; do
    mkdir -p "$dir/$part/state" "$dir/$part/run" "$dir/$part/externalscripts"
    ln -sfn "$dir/bin/ddl-monitor" "$dir/$part/externalscripts/ddl-monitor"
    printf '[state]\ndir = "%s"\n[secrets]\nfile = "%s"\n' "$dir/$part/state" "$dir/$part/credentials.toml" >"$dir/$part/ddl-monitor.toml"
    [ -e "$dir/$part/credentials.toml" ] || (umask 077 && : >"$dir/$part/credentials.toml")
    chmod 700 "$dir/$part/state"
    own zabbix:zabbix "$dir/$part" "$dir/$part/state" "$dir/$part/run" "$dir/$part/credentials.toml"
  done
  # Timeout is Zabbix' own default. The caches are read anew each second, so that a new host has its first value soon.
  cat >"$dir/server/zabbix.conf" <<CONF
$(of_both server)
ListenPort=$port_server
DBHost=$dir/run
DBName=zabbix
CacheUpdateFrequency=1
StartHTTPPollers=0
StartEscalators=1
StartAlerters=1
StartTimers=1
StartLLDProcessors=2
HousekeepingFrequency=0
CONF
  for part in proxy ${second:+proxy2}; do
    local port=port_$part
    cat >"$dir/$part/zabbix.conf" <<CONF
$(of_both "$part")
ListenPort=${!port}
Hostname=$(name_of "$part")
Server=127.0.0.1:$port_server
DBName=$dir/$part/proxy.db
$proxy_frequency=1
DataSenderFrequency=1
CONF
  done
  for part in agentd agent2; do
    mkdir -p "$dir/$part/conf.d"
    [ ! -d "$top/zabbix-templates/agent" ] || cp "$top"/zabbix-templates/agent/*.conf "$dir/$part/conf.d/"
  done
  cat >"$dir/agentd/zabbix.conf" <<CONF
$(of_agents agentd)
ListenPort=$port_agentd
StartAgents=3
CONF
  cat >"$dir/agent2/zabbix.conf" <<CONF
$(of_agents agent2)
ListenPort=$port_agent2
ControlSocket=$dir/agent2/run/control
PluginSocket=$dir/agent2/run/plugins
CONF
}

name_of() { if [ "$1" = proxy2 ]; then echo lab-proxy-2; else echo "lab-$1"; fi; }

of_both() {
  cat <<CONF
ListenIP=127.0.0.1
LogFile=$dir/$1/$1.log
PidFile=$dir/$1/run/pid
SocketDir=$dir/$1/run
TmpDir=$dir/$1/run
DBUser=zabbix
Timeout=3
ExternalScripts=$dir/$1/externalscripts
FpingLocation=/usr/bin/fping
StatsAllowedIP=127.0.0.1
StartPollers=5
CacheSize=64M
StartPollersUnreachable=1
StartPreprocessors=2
StartTrappers=3
StartDBSyncers=2
StartDiscoverers=1
CONF
}

of_agents() {
  cat <<CONF
Server=127.0.0.1
ServerActive=127.0.0.1:$port_server
Hostname=lab-$1
ListenIP=127.0.0.1
LogFile=$dir/$1/$1.log
PidFile=$dir/$1/run/pid
Timeout=3
Include=$dir/$1/conf.d/*.conf
CONF
}

# Starts a part that does not run.
run_part() {
  local part=$1
  ! leader "$part" >/dev/null || return 0
  # What a service's unit would set where ddl-monitor.toml is not in /etc.
  local environment=(DDL_MONITOR_CONFIG="$dir/$part/ddl-monitor.toml")
  case $part in
  postgres)
    # A lab may be lost with the power.
    start postgres postgres "$bin/postgres" -D "$dir/postgres/data" -c listen_addresses= -c unix_socket_directories="$dir/run" \
      -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=100 -c shared_buffers=64MB
    ready postgres
    ;;
  server) start server zabbix "${environment[@]}" /usr/sbin/zabbix_server -f -c "$dir/server/zabbix.conf" ;;
  proxy | proxy2) start "$part" zabbix "${environment[@]}" "$proxy_program" -f -c "$dir/$part/zabbix.conf" ;;
  agentd) start agentd zabbix "${environment[@]}" PATH="$dir/bin:$path" /usr/sbin/zabbix_agentd -f -c "$dir/agentd/zabbix.conf" ;;
  agent2) start agent2 zabbix "${environment[@]}" PATH="$dir/bin:$path" /usr/sbin/zabbix_agent2 -f -c "$dir/agent2/zabbix.conf" ;;
  frontend)
    start frontend zabbix PHP_CLI_SERVER_WORKERS=4 LOCPATH="$dir/frontend/locale" LANG=en_US.utf8 \
      php -d memory_limit=256M -d max_execution_time=300 -d max_input_time=300 -d post_max_size=32M -d upload_max_filesize=16M \
      -d session.save_path="$dir/frontend/sessions" -d sys_temp_dir="$dir/frontend/sessions" -d date.timezone="$(zone)" -d opcache.enable=1 \
      -S "127.0.0.1:$port_frontend" -t "$dir/frontend/ui"
    ;;
  routers) start_routers ;;
  esac
}

# The time zone of graphs: that of the machine.
zone() {
  local zone
  zone=$(readlink -f /etc/localtime) || zone=
  case $zone in /usr/share/zoneinfo/*) echo "${zone#/usr/share/zoneinfo/}" ;; *) echo UTC ;; esac
}

ready() {
  local port=port_$1
  case $1 in
  postgres) await postgres as postgres "$bin/psql" -h "$dir/run" -c 'SELECT 1' postgres ;;
  routers) await routers grep -q '"ready"' "$dir/routers/output" ;;
  *) await "$1" listens "${!port}" ;;
  esac
}

# The proxy's name, and what else must be there in every lab.
introduce() { api prepare "$version" lab-proxy; }

api() { as zabbix php "$dir/frontend/api.php" "http://127.0.0.1:$port_frontend/api_jsonrpc.php" "$@" </dev/null; }

# A server that has just started listens to its clients before it takes commands.
reload() {
  await server as zabbix /usr/sbin/zabbix_server -R config_cache_reload -c "$dir/server/zabbix.conf" </dev/null
  await proxy as zabbix "$proxy_program" -R config_cache_reload -c "$dir/proxy/zabbix.conf" </dev/null
}

# monitor PART ARG … — ddl-monitor as that part runs it.
monitor() {
  local part=$1
  shift
  as zabbix DDL_MONITOR_CONFIG="$dir/$part/ddl-monitor.toml" "$dir/bin/ddl-monitor" "$@"
}

# Zabbix first, so that nothing starts masters anew; they log out while the routers are there; the database last.
stop_parts() {
  local part
  stop_processes server proxy proxy2 agentd agent2 frontend
  for part in server proxy proxy2 agentd agent2; do
    ! compgen -G "$dir/$part/state/*.sock" >/dev/null || monitor "$part" stop --all </dev/null >/dev/null 2>&1 || true
  done
  stop_processes routers postgres
}
