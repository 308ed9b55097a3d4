// Portcullis for Express and LoopBack 3: turns the gate's signed assertion into the user of a request.
// Documentation: docs/assertion.md of Portcullis. Node.js 12 or newer, no packages.
//
//   app.use(portcullis({
//     jwks: 'http://127.0.0.1:8080/.well-known/portcullis/jwks.json',  // of the gate
//     issuer: 'https://shop.example.com',                              // `server.public_url`, else 'portcullis'
//     audience: 'shop',                                                // `identity.assertion_audience`
//     required: true,                                                  // false: without an assertion, req.user is undefined
//   }));
//
// It goes before everything that changes the method or the URL of a request. LoopBack: app.middleware('initial', portcullis(…)).
'use strict';

const crypto = require('crypto');
const http = require('http');
const https = require('https');

const HEADER = 'x-portcullis-assertion';
const LEEWAY = 30; // seconds between the clocks of the gate and of this machine
const MAX_AGE = 300e3; // ms that the keys are used before they are fetched again
const COOLDOWN = 10; // seconds between two attempts to fetch them; the option `cooldown`
const TIMEOUT = 3e3; // ms that the gate has to answer
const MAX_JWKS = 65536; // bytes
// An Ed25519 public key in DER is this and its 32 bytes (RFC 8410).
const DER = Buffer.from('302a300506032b6570032100', 'hex');

class Refused extends Error {
  constructor(message, statusCode = 401) {
    super(message);
    this.statusCode = statusCode;
  }
}

// The public keys of the gate, by their ids.
class Keys {
  constructor(url, cooldown) {
    this.url = url;
    this.cooldown = cooldown * 1000;
    this.keys = new Map();
    this.fetched = this.tried = -Infinity;
  }

  async get(kid) {
    const now = Date.now();
    const isStale = now - this.fetched > MAX_AGE || !this.keys.has(kid);
    if (isStale && !this.fetching && now - this.tried >= this.cooldown) {
      this.tried = now;
      // One attempt for all requests that wait.
      this.fetching = this.fetch().finally(() => { this.fetching = undefined; });
      this.fetching.catch(() => {});
    }
    // The old keys are good while the gate does not answer.
    if (this.fetching && isStale) await this.fetching.catch(() => {});
    if (this.keys.size === 0) throw new Refused('the keys of the gate are not available', 503);
    return this.keys.get(kid);
  }

  async fetch() {
    const keys = new Map();
    for (const jwk of JSON.parse(await download(this.url)).keys) {
      if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') continue;
      const der = Buffer.concat([DER, Buffer.from(jwk.x, 'base64')]);
      keys.set(jwk.kid, crypto.createPublicKey({key: der, format: 'der', type: 'spki'}));
    }
    this.keys = keys;
    this.fetched = Date.now();
  }
}

function download(url) {
  return new Promise((resolve, reject) => {
    const get = url.startsWith('https:') ? https.get : http.get;
    const request = get(url, {timeout: TIMEOUT}, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', part => {
        text += part;
        if (text.length > MAX_JWKS) request.destroy(new Error('the keys are too long'));
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`the gate answers ${response.statusCode}`));
      });
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('the gate does not answer')));
    request.on('error', reject);
  });
}

function decode(part) {
  const value = JSON.parse(Buffer.from(part, 'base64').toString('utf8'));
  if (value === null || typeof value !== 'object') throw new Error('no object');
  return value;
}

function hash(text) {
  const base64 = crypto.createHash('sha256').update(text).digest('base64');
  return base64.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

// The claims of a request's assertion; undefined without one. For what is no Express app: `ws` servers, for example.
function verifier({jwks, issuer, audience, cooldown = COOLDOWN}) {
  if (!jwks || !issuer || !audience) throw new Error('portcullis: jwks, issuer and audience are needed');
  const keys = new Keys(jwks, cooldown);
  return async function verify(request) {
    const token = request.headers[HEADER];
    if (token === undefined) return undefined;
    const parts = token.split('.');
    let header, claims, signature;
    try {
      if (parts.length !== 3) throw new Error('not three parts');
      [header, claims, signature] = [decode(parts[0]), decode(parts[1]), Buffer.from(parts[2], 'base64')];
    } catch (error) {
      throw new Refused('the assertion is malformed');
    }
    // The algorithm is ours to choose, not the sender's.
    if (header.alg !== 'EdDSA') throw new Refused('the assertion has another algorithm');
    const key = await keys.get(header.kid);
    if (!key) throw new Refused('the key of the assertion is unknown');
    const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
    if (!crypto.verify(null, signed, key, signature)) throw new Refused('the signature is wrong');
    const now = Date.now() / 1000;
    const [path, ...query] = (request.originalUrl || request.url).split('?');
    const rest = query.join('?');
    if (claims.iss !== issuer) throw new Refused('the assertion is of another issuer');
    if (claims.aud !== audience) throw new Refused('the assertion is for another app');
    if (!(claims.exp > now - LEEWAY)) throw new Refused('the assertion has expired');
    if (!(claims.nbf < now + LEEWAY)) throw new Refused('the assertion is not valid yet');
    if (claims.htm !== (request.originalMethod || request.method)) throw new Refused('the assertion is for another method');
    if (claims.htp !== path) throw new Refused('the assertion is for another path');
    if (claims.htq !== (rest ? hash(rest) : undefined)) throw new Refused('the assertion is for another query');
    if (typeof claims.sub !== 'string' || claims.sub === '') throw new Refused('the assertion names no user');
    return claims;
  };
}

// LoopBack's ids are numbers unless the model says otherwise.
function toId(sub) {
  return String(Number(sub)) === sub && Number.isSafeInteger(Number(sub)) ? Number(sub) : sub;
}

function portcullis(options) {
  const {required = true, userId = toId} = options;
  const verify = verifier(options);
  return function (req, res, next) {
    // Whatever was there is not from the gate.
    req.user = req.accessToken = undefined;
    verify(req).then(claims => {
      if (!claims) {
        if (required) throw new Refused('this app takes requests from its gate only');
        return;
      }
      const id = userId(claims.sub);
      req.user = {
        id,
        username: claims.preferred_username,
        email: claims.email,
        emailVerified: claims.email_verified === true,
        groups: claims.groups || [],
      };
      // What LoopBack reads: its rules, and `ctx.options.accessToken` of remote methods.
      req.accessToken = {
        id: claims.jti,
        userId: id,
        ttl: claims.exp - claims.iat,
        created: new Date(claims.iat * 1000),
      };
    }).then(() => next(), error => {
      if (!(error instanceof Refused)) return next(error);
      const {statusCode, message} = error;
      res.statusCode = statusCode;
      res.setHeader('Content-Type', 'application/json; charset=utf-8');
      if (statusCode === 401) res.setHeader('WWW-Authenticate', 'Portcullis');
      res.end(JSON.stringify({error: {statusCode, name: 'Error', message, code: 'ASSERTION_REFUSED'}}));
    });
  };
}

module.exports = portcullis;
module.exports.verifier = verifier;
