<?php
// What PHP reads behind nginx, as one line of JSON in the file READINGS. `_method` counts, as in Laravel and Symfony.

function encoded(string $path): string {
    return preg_replace_callback("~[^A-Za-z0-9/:@!$&'()*+,;=._\\~-]~", fn($m) => rawurlencode($m[0]), $path);
}

// Latin-1 as UTF-8, without an extension.
function utf8(string $text): string {
    return preg_replace_callback('~[\x80-\xff]~', fn($m) => chr(0xc0 | ord($m[0]) >> 6) . chr(0x80 | ord($m[0]) & 0x3f), $text);
}

$headers = [];
foreach ($_SERVER as $name => $value) {
    if (str_starts_with($name, 'HTTP_')) {
        $headers[] = [strtolower(str_replace('_', '-', substr($name, 5))), $value];
    } elseif (str_starts_with($name, 'CONTENT_') && $value !== '') {
        $headers[] = [strtolower(str_replace('_', '-', $name)), $value];
    }
}
$body = file_get_contents('php://input');
$method = $_SERVER['REQUEST_METHOD'];
if ($method === 'POST') {
    $asked = $_SERVER['HTTP_X_HTTP_METHOD_OVERRIDE'] ?? $_POST['_method'] ?? $_GET['_method'] ?? null;
    if (is_string($asked)) {
        $method = strtoupper($asked);
    }
}
$facts = ['REMOTE_ADDR' => $_SERVER['REMOTE_ADDR']];
foreach (['REMOTE_USER', 'PHP_AUTH_USER', 'AUTH_TYPE'] as $name) {
    if (($_SERVER[$name] ?? '') !== '') {
        $facts[$name] = $_SERVER[$name];
    }
}
$path = $_SERVER['DOCUMENT_URI'];
$also = [strtok($_SERVER['REQUEST_URI'], '?')];
// As an app reads it that decodes what nginx has decoded.
$again = rawurldecode($path);
if (preg_match('~^~u', $again) && !preg_match('~%[0-9a-f]{2}~i', $again)) {
    $also[] = encoded($again);
}
// As one that reads it as a URL. Look-ups of orders are answered by the whole path.
if (!str_starts_with($path, '/orders/')) {
    $also[] = encoded(preg_replace('~[;?#][^/]*~', '', $path));
}
$reading = [
    'method' => $method,
    'script' => '',
    'path' => encoded($path),
    'also' => $also,
    'query' => $_SERVER['QUERY_STRING'],
    'headers' => $headers,
    'body' => utf8(substr($body, 0, 512)),
    'length' => strlen($body),
    'facts' => (object) $facts,
];
$line = json_encode($reading, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
file_put_contents($_SERVER['READINGS'], "$line\n", FILE_APPEND);

$host = explode(':', $_SERVER['HTTP_HOST'] ?? '')[0];
$last = $path === '' ? 0 : ord(substr($path, -1));
header('Content-Type: application/json');
header('X-Rig-Seen: ' . ($_SERVER['HTTP_X_RIG_TAG'] ?? ''));
$tenant = $_SERVER['HTTP_X_TENANT'] ?? '';
echo json_encode(['ownerId' => ($last + strlen($host) + strlen($tenant)) % 2 ? 1 : 2]);
