# shellcheck shell=bash
# What there is to see: simulated routers with lines that are well, slow, lossy and dead, their inventory, and hosts of all
# kinds in Zabbix. The hosts are made by api.php.

routers=(edge-par edge-fra edge-ams edge-lon)
declare -A platform=([edge-par]=cisco_iosxe [edge-fra]=huawei_vrp [edge-ams]=cisco_nxos [edge-lon]=h3c_comware)

start_routers() {
  local name port=$port_routers
  install -m 755 "$sim" "$dir/bin/router-sim.new" && mv "$dir/bin/router-sim.new" "$dir/bin/router-sim"
  (
    umask 077
    printf '[defaults]\nuser = ["ddl:lab-password"]\ndead = ["10.71.0.10", "10.72.0.14"]\nno_route = ["10.72.0.18"]\n'
    echo 'slow = ["10.71.0.6=240ms", "10.72.0.6=35ms"]'
    for name in "${routers[@]}"; do
      printf '[[router]]\nname = "%s"\npersona = "%s"\nlisten = "127.0.0.1:%s"\n' "$name" "${platform[$name]}" $((port++))
      case $name in
      edge-lon) printf 'rtt = ["18ms", "21ms", "19ms"]\nlose = [3]\n' ;;
      *) printf 'rtt = ["8ms", "9ms", "11ms", "8ms", "10ms"]\n' ;;
      esac
    done
  ) >"$dir/routers/routers.toml"
  own zabbix:zabbix "$dir/routers/routers.toml"
  # Else the "ready" of an earlier start would count.
  rm -f "$dir/routers/output"
  start routers zabbix "$dir/bin/router-sim" --quiet "$dir/routers/routers.toml"
}

# Each part has an inventory of its own; here they hold the same.
fill_inventories() {
  local part id name carrier circuit target router port=$port_routers
  {
    for name in "${routers[@]}"; do
      printf '[[router]]\nname = "%s"\naddress = "127.0.0.1:%s"\nplatform = "%s"\npassword = "secret:lab"\n' \
        "$name" $((port++)) "${platform[$name]}"
    done
    while read -r id name carrier circuit target router; do
      printf '[[line]]\nid = "%s"\nname = "%s"\ncarrier = "%s"\ncircuit = "%s"\ntarget = "%s"\nrouter = "%s"\n' \
        "$id" "${name//_/ }" "${carrier//_/ }" "$circuit" "$target" "$router"
    done <<'LINES'
L-1001 Paris_–_Lyon Colt CLT-88120 10.71.0.2 edge-par
L-1002 Paris_–_Dakar Orange OR-5531-A 10.71.0.6 edge-par
L-1003 Paris_–_Nantes Colt CLT-88127 10.71.0.10 edge-par
L-2001 Frankfurt_–_Munich Telekom DT-40071 10.72.0.2 edge-fra
L-2002 Frankfurt_–_Lisbon Telekom DT-40072 10.72.0.6 edge-fra
L-2003 Frankfurt_–_Prague GTT GT-2209 10.72.0.10 edge-fra
L-2004 Frankfurt_–_Gdańsk GTT GT-2210 10.72.0.14 edge-fra
L-2005 Frankfurt_–_Basel Swisscom SC-118 10.72.0.18 edge-fra
L-3001 Amsterdam_–_Rotterdam KPN KP-700 10.73.0.2 edge-ams
L-4001 London_–_Leeds BT BT-9001 10.74.0.2 edge-lon
L-4002 London_–_Cork BT BT-9002 10.74.0.6 edge-lon
LINES
  } >"$dir/inventory.toml"
  for part in server proxy agentd agent2; do
    monitor "$part" inventory import "$dir/inventory.toml" </dev/null >/dev/null
  done
}

show_demo() {
  local part inventory=
  for part in server proxy agentd agent2; do
    printf '[lab]\nuser = "ddl"\npassword = "lab-password"\n' >"$dir/$part/credentials.toml"
  done
  if monitor server inventory import --help </dev/null >/dev/null 2>&1; then
    fill_inventories
    inventory=1
  else
    echo "no inventory in this ddl-monitor: only hosts of single lines" >&2
  fi
  mkdir -p "$dir/templates"
  rm -f "$dir/templates/"*
  cp "$top/zabbix-templates/$version/"*.yaml "$dir/templates/"
  api demo "$version" lab-proxy "$dir/templates" "$port_routers" "$port_agentd" "$port_agent2" "$inventory"
  reload
}
