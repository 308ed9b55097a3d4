// One login for two hosts, which a gate at ADDRESS serves. Chromium checks `form-action` for the redirects of a form's answer,
// too.
//
//   node hosts.js ADDRESS

'use strict';

const assert = require('assert');
const { OPTIONS, PASSWORD, WIDE, ask, logIn, logOut, problems, run, send, withPage } = require('./person');

OPTIONS.args.push(`--host-resolver-rules=MAP *.localhost:80 ${process.argv[2]}`);
const [one, two] = ['http://one.localhost', 'http://two.localhost'];
const atLogin = page => assert(page.url().startsWith(`${one}/.portcullis/login`), page.url());

const withScripts = () => oneLogin(true);
const withoutScripts = () => oneLogin(false);

async function oneLogin(javaScriptEnabled) {
  await withPage({ ...WIDE, javaScriptEnabled }, async (page, context) => {
    await page.goto(`${two}/cart?x=1&y=2#part`);
    atLogin(page);
    await logIn(page);
    assert.strictEqual(page.url(), `${two}/cart?x=1&y=2#part`);
    const other = await context.newPage();
    await other.goto(`${one}/mine`);
    assert.strictEqual(other.url(), `${one}/mine`);
    const session = await cookies(context);
    assert(session[0] !== session[1] && session.every(Boolean), 'each host has a token of its own');
    // Signed out on one host, both are.
    await logOut(page, two);
    atLogin(page);
    assert.match(await page.textContent('.note'), /signed out/);
    await other.reload();
    atLogin(other);
    await page.goto(`${two}/cart`);
    atLogin(page);
    await logIn(page);
    assert.strictEqual(page.url(), `${two}/cart`);
    await logOut(other, one);
    await page.reload();
    atLogin(page);
  });
}

// The session of each host.
async function cookies(context) {
  const found = [one, two].map(async url => (await context.cookies(url)).find(cookie => cookie.name === 'portcullis').value);
  return Promise.all(found);
}

// Both tabs were sent to the login page before anyone logged in.
async function tabs() {
  await withPage(WIDE, async (page, context) => {
    const [other, third] = [await context.newPage(), await context.newPage()];
    await page.goto(`${two}/a`);
    await other.goto(`${one}/b`);
    await third.goto(`${two}/c`);
    await logIn(page);
    assert.strictEqual(page.url(), `${two}/a`);
    await logIn(other);
    assert.strictEqual(other.url(), `${one}/b`);
    await third.reload();
    assert.strictEqual(third.url(), `${two}/c`);
    await page.reload();
    assert.strictEqual(page.url(), `${two}/a`);
  });
}

// Ways of the login page lead back to the host that the person comes from.
async function register() {
  await withPage(WIDE, async page => {
    await page.goto(`${two}/cart?x=1`);
    await page.click('.links a');
    await page.fill('#email', 'bob@example.com');
    await page.fill('#password', PASSWORD);
    await page.fill('#repeat', PASSWORD);
    await send(page);
    assert.strictEqual(page.url(), `${two}/cart?x=1`);
  });
}

async function forgot() {
  await withPage(WIDE, async page => {
    await page.goto(`${two}/cart`);
    await page.click('a[href*=forgot]');
    await page.fill('#email', 'bob@example.com');
    await send(page);
    await page.goto(await ask('reset'));
    await page.fill('#password', 'another-good-password');
    await page.fill('#repeat', 'another-good-password');
    await send(page);
    await logIn(page, 'bob@example.com', 'another-good-password');
    await page.goto(`${two}/cart`);
    assert.strictEqual(page.url(), `${two}/cart`);
  });
}

// Who may not open something on one host becomes another user there, and comes back.
async function denied() {
  await withPage(WIDE, async page => {
    await page.goto(`${two}/staff`);
    await logIn(page);
    assert.strictEqual(page.url(), `${two}/staff`);
    assert.match(await page.textContent('h1'), /cannot open this page/);
    await send(page);
    await logIn(page, 'bob@example.com', 'another-good-password');
    assert.strictEqual(page.url(), `${two}/staff`);
    assert.match(await page.textContent('.note'), /bob/);
  });
}

// The app sends the browser on to a third host right after the login: docs/pages.md, "Where a login leads".
async function leadsOn() {
  for (const [host, arrives] of [['third', true], ['fourth', false]]) {
    await withPage(WIDE, async page => {
      await page.goto(`${one}/to/${host}`);
      const follows = arrives
        ? page.waitForURL(`http://${host}.localhost/`, { waitUntil: 'commit' })
        : page.waitForEvent('console', message => message.text().includes('form-action'));
      await page.fill('#name', 'ann');
      await page.fill('#password', PASSWORD);
      await page.click('button[type=submit]');
      await follows;
      assert.strictEqual(page.url() === `http://${host}.localhost/`, arrives, page.url());
    });
  }
  // The report that it waits for, and a host that no app has.
  problems.splice(0, problems.length, ...problems.filter(problem => !/(third|fourth)\.localhost/.test(problem)));
}

async function deletes() {
  await withPage(WIDE, async page => {
    await page.goto(`${two}/.portcullis/account/delete`);
    await logIn(page);
    assert.strictEqual(page.url(), `${two}/.portcullis/account/delete`);
    await page.fill('#current', PASSWORD);
    await send(page);
    atLogin(page);
    assert.match(await page.textContent('.note'), /Your account is deleted/);
  });
}

run(withScripts, withoutScripts, tabs, register, forgot, denied, leadsOn, deletes);
