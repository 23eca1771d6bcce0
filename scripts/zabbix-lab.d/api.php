<?php
// Speaks to the lab's Zabbix; safe to run again:
//   api.php URL prepare VERSION PROXY
//   api.php URL demo VERSION PROXY TEMPLATES PORT-OF-ROUTERS PORT-OF-AGENTD PORT-OF-AGENT2 WHETHER-THERE-IS-AN-INVENTORY

[, $url, $command, $version] = $argv;

function call(string $method, array $params, ?string $token = null) {
    global $url;
    $request = ['jsonrpc' => '2.0', 'method' => $method, 'params' => $params, 'id' => 1];
    if ($token !== null) {
        $request['auth'] = $token;
    }
    $answer = @file_get_contents($url, false, stream_context_create(['http' => [
        'method' => 'POST', 'header' => 'Content-Type: application/json-rpc', 'content' => json_encode($request), 'timeout' => 60,
    ]]));
    if ($answer === false) {
        throw new Exception("$url does not answer");
    }
    $answer = json_decode($answer, true) ?? throw new Exception("$method: no JSON: $answer");
    if (isset($answer['error'])) {
        throw new Exception("$method: {$answer['error']['message']} {$answer['error']['data']}");
    }
    return $answer['result'];
}

function prepare(string $version, string $token, string $proxy): void {
    [$name, $new] = $version === '6.0'
        ? ['host', ['host' => $proxy, 'status' => 5]]
        : ['name', ['name' => $proxy, 'operating_mode' => 0]];
    if (!call('proxy.get', ['filter' => [$name => $proxy]], $token)) {
        call('proxy.create', $new, $token);
    }
}

function import(string $version, string $token, string $folder): void {
    $all = ['createMissing' => true, 'updateExisting' => true, 'deleteMissing' => true];
    $create = ['createMissing' => true, 'updateExisting' => true];
    $rules = ['discoveryRules' => $all, 'graphs' => $all, 'items' => $all, 'templateDashboards' => $all, 'triggers' => $all,
        'valueMaps' => $all, 'templates' => $create, 'templateLinkage' => ['createMissing' => true]];
    $rules += $version === '6.0' ? ['groups' => $create] : ['template_groups' => $create, 'host_groups' => $create];
    foreach (glob("$folder/*.yaml") as $file) {
        call('configuration.import', ['format' => 'yaml', 'source' => file_get_contents($file), 'rules' => $rules], $token);
    }
}

function id(string $object, string $id, array $filter, string $token): ?string {
    $found = call("$object.get", ['filter' => $filter, 'output' => [$id]], $token);
    return $found[0][$id] ?? null;
}

function demo(string $version, string $token, string $proxy, string $folder, int $routers, int $agentd, int $agent2, bool $inventory): void {
    import($version, $token, $folder);
    $group = id('hostgroup', 'groupid', ['name' => 'Leased lines'], $token)
        ?? call('hostgroup.create', ['name' => 'Leased lines'], $token)['groupids'][0];
    $proxyid = id('proxy', 'proxyid', [$version === '6.0' ? 'host' : 'name' => $proxy], $token);
    $by_proxy = $version === '6.0' ? ['proxy_hostid' => $proxyid] : ['monitored_by' => 1, 'proxyid' => $proxyid];
    $soon = ['{$LINE_CHECK_INTERVAL}' => '10s', '{$LINE_DISCOVERY_INTERVAL}' => '15s'];
    $on = fn (int $router, string $platform, string $line, string $carrier, string $circuit) => $soon + [
        '{$LINE_ID}' => $line, '{$LINE_CARRIER}' => $carrier, '{$LINE_CIRCUIT}' => $circuit,
        '{$LINE_ROUTER_IP}' => '127.0.0.1:'.($routers + $router), '{$LINE_ROUTER_PLATFORM}' => $platform,
        '{$LINE_ROUTER_PASSWORD}' => 'secret:lab'];
    $line = 'Leased Line by SSH';
    $router = 'Edge Router Leased Lines by SSH';
    // Technical name, visible name, template, macros, port of the interface, more.
    $hosts = [
        ['10.71.0.2', 'Line Paris – Lyon', $line, $on(0, 'cisco_iosxe', 'L-1001', 'Colt', 'CLT-88120'), 10050, []],
        ['10.71.0.6', 'Line Paris – Dakar', $line, $on(0, 'cisco_iosxe', 'L-1002', 'Orange', 'OR-5531-A'), 10050, []],
        ['10.71.0.10', 'Line Paris – Nantes', $line, $on(0, 'cisco_iosxe', 'L-1003', 'Colt', 'CLT-88127'), 10050, []],
        ['10.73.0.2', 'Line Amsterdam – Rotterdam (by the proxy)', $line, $on(2, 'cisco_nxos', 'L-3001', 'KPN', 'KP-700'), 10050, $by_proxy],
    ];
    if ($inventory) {
        $hosts[] = ['edge-fra', 'Router Frankfurt', $router, $soon, 10050, []];
        $hosts[] = ['10.74.0.2', 'Line London – Leeds (by agent)', "$line via agent", $soon + ['{$LINE_ID}' => 'L-4001',
            '{$LINE_CARRIER}' => 'BT', '{$LINE_CIRCUIT}' => 'BT-9001'], $agentd, []];
        $hosts[] = ['edge-lon', 'Router London (by agent 2)', "$router via agent", $soon, $agent2, []];
    }
    foreach ($hosts as [$name, $shown, $template, $macros, $port, $more]) {
        if (id('host', 'hostid', ['host' => $name], $token) !== null) {
            continue;
        }
        $templateid = id('template', 'templateid', ['host' => $template], $token);
        if ($templateid === null) {
            fwrite(STDERR, "no template \"$template\": no host \"$shown\"\n");
            continue;
        }
        call('host.create', $more + ['host' => $name, 'name' => $shown, 'groups' => [['groupid' => $group]],
            'templates' => [['templateid' => $templateid]],
            'macros' => array_map(fn ($macro, $value) => ['macro' => $macro, 'value' => $value], array_keys($macros), $macros),
            // Zabbix 6.0 wants an interface also for external checks, which do not use it.
            'interfaces' => [['type' => 1, 'main' => 1, 'useip' => 1, 'ip' => '127.0.0.1', 'dns' => '', 'port' => (string) $port]],
        ], $token);
    }
}

try {
    $token = call('user.login', ['username' => 'Admin', 'password' => 'zabbix']);
    match ($command) {
        'prepare' => prepare($version, $token, $argv[4]),
        'demo' => demo($version, $token, $argv[4], $argv[5], (int) $argv[6], (int) $argv[7], (int) $argv[8], $argv[9] !== ''),
    };
} catch (Exception $error) {
    fwrite(STDERR, "scripts/zabbix-lab: {$error->getMessage()}\n");
    exit(1);
}
