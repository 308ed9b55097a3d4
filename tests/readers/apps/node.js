// What Node's servers and frameworks read of a request, as one line of JSON in the file READINGS.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');

const out = fs.openSync(process.env.READINGS, 'a');
const port = Number(process.env.PORT);

function report(reading) {
  fs.writeSync(out, `${JSON.stringify(reading)}\n`);
}

// The fields of a request, with every line that came.
function fields(request) {
  const pairs = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    pairs.push([request.rawHeaders[at].toLowerCase(), request.rawHeaders[at + 1]]);
  }
  return pairs;
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function owner(path, headers) {
  const bytes = Buffer.from(decoded(path));
  const last = bytes.length ? bytes[bytes.length - 1] : 0;
  return (last + (headers.host || '').split(':')[0].length + (headers['x-tenant'] || '').length) % 2 ? 1 : 2;
}

function answer(request, response, path) {
  const body = JSON.stringify({ ownerId: owner(path, request.headers), seen: request.headers['x-rig-tag'] });
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'X-Rig-Seen': request.headers['x-rig-tag'] || '',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function collect(request, then) {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => then(Buffer.concat(parts)));
  request.on('error', () => {});
}

function told(request, path, body, more = {}) {
  const [raw, query] = split(request.originalUrl || request.url);
  report({
    method: request.method,
    script: '',
    path,
    query,
    headers: fields(request),
    body: body.toString('latin1').slice(0, 512),
    length: body.length,
    also: raw === path || more.routed ? [] : [raw],
    ...more,
  });
}

function split(target) {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

// Node's own server. Any upgrade is taken, and what comes in a tunnel that is no WebSocket is read as requests.
function plain() {
  const server = http.createServer((request, response) => {
    collect(request, (body) => {
      const [path] = split(request.url);
      told(request, path, body);
      answer(request, response, path);
    });
  });
  server.on('upgrade', (request, socket, head) => {
    told(request, split(request.url)[0], Buffer.alloc(0));
    socket.on('error', () => {});
    const key = request.headers['sec-websocket-key'];
    const protocol = request.headers.upgrade;
    if (protocol.toLowerCase() === 'websocket' && key && request.headers['sec-websocket-version'] === '13') {
      const accept = crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.end(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      return;
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\n\r\n`);
    const inner = http.createServer((request) => {
      told(request, split(request.url)[0], Buffer.alloc(0), { tunnel: true });
      request.socket.destroy();
    });
    if (head.length) socket.unshift(head);
    inner.emit('connection', socket);
  });
  return server;
}

// Where the routes of the policies lead, by each framework's own router: the path is what the router made of it.
const ROUTES = {
  '/pub/*': (p) => `/pub/${rest(p)}`,
  '/inv/:id': (p) => `/inv/${one(p.id)}`,
  '/notes': () => '/notes',
  '/notes/:id': (p) => `/notes/${one(p.id)}`,
  '/files/:name': (p) => `/files/${one(p.name)}`,
  '/files/:name/secret': (p) => `/files/${one(p.name)}/secret`,
  '/orders/:id': (p) => `/orders/${one(p.id)}`,
  '/dav/:user/*': (p) => `/dav/${one(p.user)}/${rest(p)}`,
  '/admin': () => '/admin',
  '/admin/*': (p) => `/admin/${rest(p)}`,
  '/shop/admin': () => '/shop/admin',
  '/shop/admin/*': (p) => `/shop/admin/${rest(p)}`,
  '/shop/*': (p) => `/shop/${rest(p)}`,
};

const one = (text) => encodeURIComponent(text);
const rest = (params) => {
  const value = params.rest ?? params['*'] ?? [];
  return (Array.isArray(value) ? value : value.split('/')).map(one).join('/');
};

// Express with method-override in all its forms.
function express(caseSensitive) {
  const framework = require('express');
  const override = require('method-override');
  const app = framework();
  app.set('case sensitive routing', caseSensitive);
  app.set('trust proxy', 'loopback');
  app.use(framework.urlencoded({ extended: true, limit: '1mb' }));
  app.use(framework.json({ limit: '1mb' }));
  app.use(framework.raw({ type: () => true, limit: '1mb' }));
  app.use(override('_method'));
  for (const name of ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override']) app.use(override(name));
  app.use(override((request) => request.body && typeof request.body === 'object' && request.body._method));
  const handle = (path) => (request, response) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.from(JSON.stringify(request.body ?? ''));
    const facts = { client: request.ip, host: request.hostname, scheme: request.protocol };
    const read = path ? path(request.params) : request.path;
    told(request, read, body, { routed: Boolean(path), facts, parsed: true });
    answer(request, response, read);
  };
  for (const [route, path] of Object.entries(ROUTES)) app.all(route.replace('*', '*rest'), handle(path));
  app.use(handle());
  app.use((error, request, response, next) => {
    response.status(error.status || 500).set('X-Rig-Seen', request.headers['x-rig-tag'] || '').end();
  });
  return http.createServer(app);
}

function fastify(caseSensitive) {
  const app = require('fastify')({ logger: false, routerOptions: { caseSensitive, ignoreTrailingSlash: true }, trustProxy: 'loopback' });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
  const handle = (path) => (request, reply) => {
    const read = path ? path(request.params) : split(request.url)[0];
    const facts = { client: request.ip, host: request.hostname, scheme: request.protocol };
    told(request.raw, read, request.body || Buffer.alloc(0), { routed: Boolean(path), facts });
    reply
      .header('X-Rig-Seen', request.headers['x-rig-tag'] || '')
      .send({ ownerId: owner(read, request.headers), seen: request.headers['x-rig-tag'] });
  };
  for (const [route, path] of Object.entries(ROUTES)) app.all(route, handle(path));
  app.setNotFoundHandler(handle());
  return app;
}

// The method in a body that is JSON under whatever type, as Parse Server reads it.
function asked(body) {
  try {
    return String(JSON.parse(body)._method || '').toUpperCase();
  } catch {
    return '';
  }
}

function koa() {
  const Koa = require('koa');
  const app = new Koa({ proxy: true });
  app.silent = true;
  app.use(async (context) => {
    const body = await new Promise((resolve) => collect(context.req, resolve));
    const method = (context.method === 'POST' && asked(body)) || context.method;
    told(context.req, context.path, body, { method, facts: { scheme: context.protocol } });
    context.set('X-Rig-Seen', context.get('x-rig-tag'));
    context.body = { ownerId: owner(context.path, context.headers), seen: context.get('x-rig-tag') };
  });
  return http.createServer(app.callback());
}

const servers = {
  node: plain,
  express: () => express(false),
  'express-case': () => express(true),
  fastify: () => fastify(true),
  'fastify-nocase': () => fastify(false),
  koa,
};
const server = servers[process.argv[2]]();
process.on('uncaughtException', () => {});
server.listen(process.argv[2].startsWith('fastify') ? { port, host: '127.0.0.1' } : { port, host: '127.0.0.1', backlog: 512 });
