// Pages of other origins call the gate in Chromium, which enforces CORS. Each step that went well prints a line `ok: …`.
//
//   node cors.js GATE PAGES
//
// GATE: the address of the gate, which lists the origin http://app.shop.localhost. PAGES: that of a server of empty pages.

'use strict';

const assert = require('assert');
const { chromium } = require('playwright-core');

const [gate, pages] = process.argv.slice(2);
const API = 'http://api.shop.localhost';
const LISTED = 'http://app.shop.localhost';
// Of the same site, so that the browser sends the cookie; and of another.
const UNLISTED = ['http://old.shop.localhost', 'http://evil.localhost'];
const ANN = { email: 'ann@example.com', password: 'a-good-password' };
const ok = name => console.log(`ok: ${name}`);

// What a script of the page gets: the status and the body, or `blocked`.
async function call(page, path, options = {}) {
  return page.evaluate(async ({ url, options }) => {
    try {
      const answer = await fetch(url, options);
      const text = await answer.text();
      return { status: answer.status, text, id: answer.headers.get('x-request-id') };
    } catch {
      return 'blocked';
    }
  }, { url: API + path, options });
}

const post = body =>
  ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

async function usesATokenFrom(page) {
  const registered = await call(page, '/api/users', post(ANN));
  assert.strictEqual(registered.status, 200, registered.text);
  const login = await call(page, '/api/users/login', post(ANN));
  const headers = { authorization: JSON.parse(login.text).id };
  assert.deepStrictEqual([(await call(page, '/notes', { headers })).text], ['GET /notes']);
  const refused = await call(page, '/notes');
  assert.strictEqual(JSON.parse(refused.text).error.code, 'AUTHORIZATION_REQUIRED');
  assert(refused.id, 'the id of the request can be read');
  ok('a listed page registers, logs in and reads');
}

async function usesTheCookieFrom(page) {
  const tab = await page.context().newPage();
  await tab.goto(`${API}/.portcullis/login`);
  await tab.fill('#name', ANN.email);
  await tab.fill('#password', ANN.password);
  await tab.click('button[type=submit]');
  await tab.waitForURL(url => !url.pathname.startsWith('/.portcullis/login'));
  const include = { credentials: 'include' };
  assert.strictEqual((await call(page, '/notes', include)).text, 'GET /notes');
  assert.strictEqual((await call(page, '/notes', { ...include, method: 'DELETE' })).text, 'DELETE /notes');
  ok('a listed page acts by the cookie');
}

async function getsNothingFrom(page) {
  const include = { credentials: 'include' };
  for (const [path, options] of [
    ['/notes', {}],
    ['/notes', include],
    ['/notes', { ...include, method: 'DELETE' }],
    ['/notes', { headers: { authorization: 'x' } }],
    ['/api/users', post({ email: 'eve@example.com', password: 'a-good-password' })],
    ['/api/users/login', post(ANN)],
    ['/.portcullis/account', include],
  ]) {
    assert.strictEqual(await call(page, path, options), 'blocked', `${page.url()}: ${path}`);
  }
  // A form's content needs no preflight: it arrives, and does nothing.
  const form = { ...include, method: 'POST', mode: 'no-cors', body: new URLSearchParams('a=b').toString() };
  await call(page, '/notes', form);
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      `--host-resolver-rules=MAP api.shop.localhost:80 ${gate}, MAP *.localhost:80 ${pages}`],
  });
  try {
    const page = await (await browser.newContext()).newPage();
    await page.goto(LISTED);
    await usesATokenFrom(page);
    await usesTheCookieFrom(page);
    for (const origin of UNLISTED) {
      await page.goto(origin);
      await getsNothingFrom(page);
    }
    ok('pages of other origins get nothing');
  } finally {
    await browser.close();
  }
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
