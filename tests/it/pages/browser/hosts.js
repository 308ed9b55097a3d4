// Opens the pages of several hosts in Chromium, which checks `form-action` for the redirects of a form's answer, too. Each
// step that went well prints a line `ok: …`.
//
//   node hosts.js ADDRESS

'use strict';

const assert = require('assert');
const { chromium } = require('playwright-core');

const [address] = process.argv.slice(2);
const [ONE, TWO] = ['http://one.localhost', 'http://two.localhost'];
const PASSWORD = 'a-good-password';
const ok = name => console.log(`ok: ${name}`);

// A form is sent by its button; what follows is there when the address has settled.
async function send(page, fields, button = 'button[type=submit]') {
  for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
  await page.click(button);
}

async function registers(page) {
  await page.goto(`${TWO}/cart?x=1#part`);
  assert(page.url().startsWith(`${ONE}/.portcullis/login?`), page.url());
  await page.click('.links a');
  await send(page, { email: 'bob@example.com', password: PASSWORD, repeat: PASSWORD });
  await page.waitForURL(url => url.href.startsWith(`${TWO}/cart?x=1`));
  ok('a registration comes back');
}

async function signsOut(page) {
  await page.goto(`${TWO}/.portcullis/logout`);
  await send(page, {});
  await page.waitForURL(url => url.href.startsWith(`${ONE}/.portcullis/login?`));
  assert.match(await page.textContent('.note'), /You are signed out/);
  await page.goto(`${ONE}/`);
  assert(page.url().startsWith(`${ONE}/.portcullis/login`), page.url());
  ok('a logout is told');
}

async function signsIn(page) {
  await page.goto(`${TWO}/cart`);
  await send(page, { name: 'bob@example.com', password: PASSWORD });
  await page.waitForURL(`${TWO}/cart`);
  ok('a login comes back');
}

// The app sends the browser on to a third host right after the login: docs/pages.md, "Where a login leads".
async function leadsOn(context) {
  for (const [host, arrives] of [['third', true], ['fourth', false]]) {
    await context.clearCookies();
    const page = await context.newPage();
    await page.goto(`${ONE}/to/${host}`);
    const follows = arrives
      ? page.waitForURL(`http://${host}.localhost/`, { waitUntil: 'commit' })
      : page.waitForEvent('console', message => message.text().includes('form-action'));
    await send(page, { name: 'bob@example.com', password: PASSWORD });
    await follows;
    assert.strictEqual(page.url() === `http://${host}.localhost/`, arrives, page.url());
    await page.close();
  }
  ok('an app leads on to known hosts');
}

async function deletes(page) {
  await page.goto(`${TWO}/.portcullis/account/delete`);
  if (page.url().startsWith(ONE)) await send(page, { name: 'bob@example.com', password: PASSWORD });
  await page.waitForURL(`${TWO}/.portcullis/account/delete`);
  await send(page, { current: PASSWORD });
  await page.waitForURL(url => url.href.startsWith(`${ONE}/.portcullis/login?`));
  assert.match(await page.textContent('.note'), /Your account is deleted/);
  ok('a deletion is told');
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      `--host-resolver-rules=MAP *.localhost:80 ${address}`],
  });
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  await registers(page);
  await signsOut(page);
  await signsIn(page);
  await leadsOn(context);
  await deletes(page);
  await browser.close();
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
