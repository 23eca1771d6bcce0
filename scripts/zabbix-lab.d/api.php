<?php
// Speaks to the lab's Zabbix: api.php URL prepare VERSION PROXY. Safe to run again.

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

try {
    $token = call('user.login', ['username' => 'Admin', 'password' => 'zabbix']);
    match ($command) {
        'prepare' => prepare($version, $token, $argv[4]),
    };
} catch (Exception $error) {
    fwrite(STDERR, "scripts/zabbix-lab: {$error->getMessage()}\n");
    exit(1);
}
