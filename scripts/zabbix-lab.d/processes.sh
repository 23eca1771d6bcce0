# shellcheck shell=bash
# Processes of the lab: each part is a session of its own, whose leader is on record with number, start time and boot, so that
# nothing else is ever taken for it. It knows nothing of what the parts are.

boot=$(</proc/sys/kernel/random/boot_id)

# State, session and start time of a process.
look() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The name, in parentheses, may hold anything.
  read -ra stat <<<"${stat##*) }"
  state=${stat[0]} session=${stat[3]} started=${stat[19]}
}

# All living processes of parts, also when their leader was killed.
members() {
  local part pid since of process state session started
  local -A start=()
  for part in "$@"; do
    { read -r pid since of <"$dir/pids/$part"; } 2>/dev/null || continue
    [ "$of" = "$boot" ] || continue
    # The number may be another process' by now.
    ! look "$pid" || [ "$started" = "$since" ] || continue
    start[$pid]=$since
  done
  [ ${#start[@]} -gt 0 ] || return 0
  for process in /proc/[0-9]*; do
    look "${process#/proc/}" || continue
    since=${start[$session]:-}
    [ -n "$since" ] && [ "$state" != Z ] && [ "$started" -ge "$since" ] && echo "${process#/proc/}"
  done
  return 0
}

# The leader's number, if it lives.
leader() {
  local pid since of state session started
  { read -r pid since of <"$dir/pids/$1"; } 2>/dev/null || return 1
  [ "$of" = "$boot" ] && look "$pid" && [ "$started" = "$since" ] && [ "$state" != Z ] && echo "$pid"
}

# start PART USER COMMAND … — as a service manager would: working directory /, almost no environment, stdin /dev/null.
start() {
  local part=$1 user=$2
  shift 2
  # What a killed leader left behind holds ports.
  stop_processes "$part"
  (
    trap - INT HUP
    [ -z "${lab_lock:-}" ] || exec {lab_lock}<&-
    [ -z "${cache_lock:-}" ] || exec {cache_lock}<&-
    umask 022
    cd /
    # On record before it is what it will be: a lab killed here leaves nothing that the next one does not know.
    look "$BASHPID"
    echo "$BASHPID $started $boot" >"$dir/pids/$part"
    exec setsid "${inside[@]}" setpriv --reuid "$user" --regid "$user" --init-groups env -i PATH="$path" "$@"
  ) </dev/null >>"$dir/$part/output" 2>&1 &
  disown
  until [ -s "$dir/pids/$part" ]; do sleep 0.005; done
}

# Asks until the command succeeds; gives up when the part has ended, or after a minute.
await() {
  local part=$1 since=$SECONDS
  shift
  until "$@" >/dev/null 2>&1; do
    if ! leader "$part" >/dev/null || [ $((SECONDS - since)) -gt 60 ]; then
      tail -n 15 "$dir/$part/"*.log "$dir/$part/output" >&2 2>/dev/null || true
      fail "$part does not start"
    fi
    sleep 0.05
  done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Ends parts at the same time: each is asked once; what is still there after 20 s, or at once with --delete, is killed.
stop_processes() {
  local part pid pids since=$SECONDS signal
  for part in "$@"; do
    # PostgreSQL's TERM would wait for its clients.
    signal=TERM
    [ "$part" != postgres ] || signal=INT
    if pid=$(leader "$part"); then
      kill -s "$signal" "$pid" 2>/dev/null || true
    fi
  done
  while mapfile -t pids < <(members "$@") && [ ${#pids[@]} -gt 0 ]; do
    if [ -n "$delete" ] || [ $((SECONDS - since)) -ge 20 ]; then
      kill -s KILL "${pids[@]}" 2>/dev/null || true
    else
      # What a killed leader left behind.
      for part in "$@"; do
        leader "$part" >/dev/null || for pid in $(members "$part"); do kill -s KILL "$pid" 2>/dev/null || true; done
      done
    fi
    sleep 0.02
  done
  for part in "$@"; do rm -f "$dir/pids/$part"; done
}
