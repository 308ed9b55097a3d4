// The life of an account, by mails that a real server took, and what goes wrong on the way.
//
//   node flows.js BASE STRANGER NEIGHBOUR
//
// STRANGER is a page of another site, NEIGHBOUR one of another port of this host: the same site with another origin.

'use strict';

const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { chromium, request } = require('playwright-core');
const { OPTIONS, PASSWORD, WIDE, ask, logIn, logOut, problems, run, send, withPage } = require('./person');

const [base, stranger, neighbour] = process.argv.slice(2);
const NEW = 'another-good-password';
const at = name => `${base}/.portcullis/${name}`;

async function fill(page, fields) {
  for (const [name, text] of Object.entries(fields)) await page.fill(`#${name}`, text);
  await send(page);
}

// A mail scanner opens the link of a mail, as a program and as a browser.
async function scan(link) {
  const scanner = await request.newContext();
  assert((await scanner.get(link)).ok());
  assert((await scanner.head(link)).ok());
  await scanner.dispose();
  await withPage({}, page => page.goto(link));
}

async function mail(kind, to) {
  return JSON.parse(await ask(`${kind} ${to}`));
}

const withScripts = () => life('ann', true);
const withoutScripts = () => life('bob', false);

async function life(name, javaScriptEnabled) {
  await withPage({ ...WIDE, javaScriptEnabled }, async page => {
    const email = `${name}@example.com`;
    await page.goto(`${base}/page/7?a=b#part`);
    await page.click('.links a');
    await fill(page, { email, username: name, password: PASSWORD, repeat: PASSWORD });
    assert.match(await page.textContent('h1'), /Check your mail/);
    assert((await page.textContent('.lead')).includes(email));
    await page.click('.links a');
    await logIn(page, name);
    assert.match(await page.textContent('.alert'), /not confirmed yet/);

    const confirm = await mail('confirm', email);
    await scan(confirm.link);
    await page.goto(confirm.link);
    await send(page);
    assert.match(await page.textContent('.note'), /address is confirmed/);
    await page.goto(`${base}/page/7?a=b#part`);
    await logIn(page, email);
    assert.strictEqual(page.url(), `${base}/page/7?a=b#part`);

    await page.goto(at('account'));
    await page.click('a[href$="account/password"]');
    await fill(page, { current: PASSWORD, password: NEW, repeat: NEW });
    assert.match(await page.textContent('.note'), /password is changed/);
    await mail('password-changed', email);
    await logOut(page, base);

    await page.click('a[href$=forgot]');
    await fill(page, { email });
    assert.match(await page.textContent('h1'), /Check your mail/);
    const reset = await mail('reset', email);
    await page.goto(reset.link.slice(0, -1));
    assert.match(await page.textContent('h1'), /does not work/);
    await scan(reset.link);
    await page.goto(reset.link);
    await fill(page, { password: 'short', repeat: 'short' });
    assert.match(await page.textContent('.alert'), /at least 8 characters/);
    await fill(page, { password: PASSWORD, repeat: PASSWORD });
    assert.match(await page.textContent('.note'), /password is set/);
    await page.goto(reset.link);
    assert.match(await page.textContent('h1'), /does not work/);
    await page.goto(at('login'));
    await logIn(page, name, NEW);
    assert.match(await page.textContent('.alert'), /wrong/);
    await logIn(page, name);

    await tokens(page);
    await devices(page, name);

    const next = `new-${email}`;
    await page.goto(at('account/email'));
    await fill(page, { email: next, current: PASSWORD });
    assert((await page.textContent('.lead')).includes(next));
    await page.goto((await mail('new-address', next)).link);
    await send(page);
    assert.match(await page.textContent('.note'), /address is changed/);
    await mail('address-changed', email);

    await page.goto(at('account/delete'));
    if (page.url().includes('login')) await logIn(page, next);
    await fill(page, { current: PASSWORD });
    assert.match(await page.textContent('.note'), /account is deleted/);
    await logIn(page, name);
    assert.match(await page.textContent('.alert'), /wrong/);
  });
}

// A token for a script is shown once, works, and is ended.
async function tokens(page) {
  await page.goto(at('account'));
  await page.click('a[href$="account/tokens"]');
  await fill(page, { name: 'Nightly report', current: PASSWORD });
  const secret = await page.textContent('#made');
  const use = async () => (await page.request.fetch(`${base}/page/1`, { headers: { Authorization: `Bearer ${secret}`, Cookie: '' } })).status();
  assert.strictEqual(await use(), 200);
  await page.goto(at('account/tokens'));
  assert(!(await page.content()).includes(secret));
  await send(page, 'button[name=end]');
  assert.strictEqual(await use(), 401);
}

// Another browser of the same person is ended from here, alone and with all others.
async function devices(page, name) {
  for (const button of ['button[name=end]:not([value=others])', 'button[value=others]']) {
    await withPage(WIDE, async phone => {
      await phone.goto(`${base}/page/1`);
      await logIn(phone, name);
      await page.goto(at('account'));
      await page.click('a[href$="account/sessions"]');
      await send(page, `${button} >> nth=0`);
      assert.strictEqual(await page.locator('button[name=end]').count(), 0);
      await phone.reload();
      assert(phone.url().startsWith(at('login')), phone.url());
    });
  }
}

// The mail of an invitation leads to the first password.
async function invited() {
  for (const [name, javaScriptEnabled] of [['ida', true], ['ivo', false]]) {
    await withPage({ ...WIDE, javaScriptEnabled }, async page => {
      const { link } = await mail('invite', `${name}@example.com`);
      await scan(link);
      await page.goto(link);
      assert.match(await page.textContent('.lead'), new RegExp(`${name}@example.com`));
      await fill(page, { password: PASSWORD, repeat: PASSWORD });
      await page.goto(at('account'));
      assert.match(await page.textContent('.rows'), new RegExp(`${name}@example.com`));
    });
  }
}

// Registers, confirms and logs in.
async function settle(page, name, username = name) {
  await page.goto(at('register'));
  await fill(page, { email: `${name}@example.com`, username, password: PASSWORD, repeat: PASSWORD });
  await page.goto((await mail('confirm', `${name}@example.com`)).link);
  await send(page);
  await logIn(page, username);
}

// Names that are long, that run from right to left, that are markup.
async function names() {
  await withPage({ ...WIDE, permissions: ['clipboard-read', 'clipboard-write'] }, async page => {
    await page.goto(at('register'));
    await fill(page, { email: 'long@example.com', username: 'n'.repeat(10000), password: PASSWORD, repeat: PASSWORD });
    assert.match(await page.textContent('.alert'), /username cannot be used|too long/);
    await fits(page);
    let count = 0;
    for (const username of ['\u05d0\u05e0\u05d4 \u05db\u05d4\u05df', '\u202eann', '<img src=x onerror=alert(1)>', '{{ 7 * 191 }}']) {
      const name = `named-${count += 1}`;
      await page.goto(at('register'));
      await fill(page, { email: `${name}@example.com`, username, password: PASSWORD, repeat: PASSWORD });
      if (/username cannot be used/.test(await page.textContent('main'))) {
        // Shown again as it was typed.
        assert.strictEqual(await page.inputValue('#username'), username);
        continue;
      }
      await page.goto((await mail('confirm', `${name}@example.com`)).link);
      await send(page);
      await logIn(page, username);
      await page.goto(at('account'));
      assert((await page.textContent('.rows')).includes(username), username);
      assert.strictEqual(await page.locator('main img').count(), 0);
      await fits(page);
      await logOut(page, base);
      console.log(`ok: the name ${username}`);
    }
    // A password manager's paste.
    await page.goto(at('login'));
    await page.evaluate(text => navigator.clipboard.writeText(text), PASSWORD);
    await page.fill('#name', '\u05d0\u05e0\u05d4 \u05db\u05d4\u05df');
    await page.focus('#password');
    await page.keyboard.press('Control+V');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${base}/`);
  });
}

async function fits(page) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide <= window, `${page.url()} is ${wide} wide in ${window}`);
}

// The gate restarts between a form and its sending: the key of forms is another one, the session and what was typed stay.
async function restart() {
  await withPage(WIDE, async (page, context) => {
    await settle(page, 'ray');
    const form = await context.newPage();
    await form.goto(at('account/tokens'));
    await form.fill('#name', 'Nightly report');
    await form.fill('#current', PASSWORD);
    await withPage(WIDE, async visitor => {
      await visitor.goto(`${base}/page/1`);
      await visitor.fill('#name', 'ray');
      await ask('restart');
      await visitor.fill('#password', PASSWORD);
      await send(visitor);
      assert.match(await visitor.textContent('.alert'), /open for too long. Please send it again/);
      assert.strictEqual(await visitor.inputValue('#name'), 'ray');
      await visitor.fill('#password', PASSWORD);
      await send(visitor);
      assert.strictEqual(visitor.url(), `${base}/page/1`);
    });
    await page.goto(`${base}/page/2`);
    assert.strictEqual(page.url(), `${base}/page/2`);
    await send(form);
    assert.match(await form.textContent('.alert'), /open for too long/);
    assert.strictEqual(await form.inputValue('#name'), 'Nightly report');
    await form.fill('#current', PASSWORD);
    await send(form);
    await form.waitForSelector('#made');
  });
}

// What pages of other origins can make a browser send changes nothing, and logs nobody in or out.
async function otherOrigins() {
  await withPage(WIDE, async page => {
    await settle(page, 'eve');
    const session = async () => (await page.context().cookies()).find(one => one.name === 'portcullis').value;
    const own = await session();
    for (const origin of [stranger, neighbour]) {
      for (const [target, fields] of [
        ['/.portcullis/logout', {}],
        ['/.portcullis/account/delete', { current: PASSWORD }],
        ['/.portcullis/account/password', { current: PASSWORD, password: NEW, repeat: NEW }],
        ['/.portcullis/account/email', { current: PASSWORD, email: 'mallory@example.com' }],
        ['/.portcullis/account/sessions', { end: 'others' }],
        ['/.portcullis/account/tokens', { name: 'x', days: '30', current: PASSWORD }],
        ['/page/7', { text: 'x' }],
        ['/api/users/logout', {}],
      ]) {
        const answer = await post(page, origin, base + target, fields);
        // From another site the cookie does not even come; from another port of this host it does, and is refused.
        const { location } = answer.headers();
        const told = `${answer.status()} ${location} ${origin} ${target}`;
        assert([401, 403].includes(answer.status()) || location?.startsWith('/.portcullis/login'), told);
      }
      await page.goto(origin);
      const closed = page.evaluate(url => new Promise(done => {
        const socket = new WebSocket(url);
        socket.onopen = () => done('open');
        socket.onerror = () => done('closed');
      }), `${base.replace('http', 'ws')}/page/7`);
      assert.strictEqual(await closed, 'closed');
      // What a script sends, and the address of an image; none of them can be read.
      for (const [method, name] of [['POST', 'logout'], ['GET', 'logout'], ['GET', 'account/delete'], ['GET', 'account/sessions']]) {
        const options = { method, mode: 'no-cors', credentials: 'include' };
        await page.evaluate(([url, options]) => fetch(url, options).catch(() => {}), [at(name), options]);
      }
      // No page may frame one of the gate.
      await page.setContent(`<iframe src="${at('account')}"></iframe>`);
      await page.waitForFunction(() => frames.length === 1);
      await page.goto(at('account'));
      assert.match(await page.textContent('.rows'), /eve@example.com/);
    }
    assert.deepStrictEqual(JSON.parse(await ask('writes')), [], 'no POST reached the app');

    // Login CSRF: Mallory's own cookie and token, in Eve's browser.
    await withPage(WIDE, async (mallory, context) => {
      await mallory.goto(at('login'));
      const token = await mallory.inputValue('input[name=form_token]');
      const cookie = (await context.cookies()).find(one => one.name === 'portcullis-form').value;
      await withPage(WIDE, async victim => {
        await victim.goto(neighbour);
        await victim.evaluate(text => { document.cookie = text; }, `portcullis-form=${cookie}; path=/`);
        await post(victim, neighbour, at('login'), { name: 'eve', password: PASSWORD, form_token: token });
        assert.match(await victim.textContent('.alert'), /Another site sent this form/);
        await victim.goto(at('account'));
        assert(victim.url().startsWith(at('login')), victim.url());
      });
    });
    assert.strictEqual(await session(), own);
  });
  // The frames and scripts of the attacks.
  problems.length = 0;
}

async function post(page, origin, action, fields) {
  await page.goto(origin);
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  await page.setContent(`<form method="post" action="${action}">${inputs.join('')}<button>win a prize</button></form>`);
  const [answer] = await Promise.all([page.waitForResponse(action), send(page, 'button')]);
  return answer;
}

// A login leads nowhere else, however the way is spelt, and says how to go on.
async function redirects() {
  await withPage(WIDE, async page => {
    for (const target of ['https://evil.example', '//evil.example', '/\\evil.example', '\\\\evil.example', '/%09/evil.example',
      '/%0a/evil.example', '%20//evil.example', 'javascript:alert(1)', 'https:evil.example', '/\\/evil.example']) {
      await page.goto(`${at('login')}?to=${target}`);
      assert.match(await page.textContent('h1'), /leads elsewhere/, target);
      await page.click('.button');
      await page.waitForSelector('#password');
      assert.strictEqual(page.url(), at('login'));
    }
    await page.goto(`${at('login')}?to=/.//evil.example`);
    await logIn(page, 'ray');
    assert(page.url().startsWith(`${base}/`), page.url());
  });
}

// A browser that takes no cookies: each try says what to do.
async function noCookies() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'no-cookies-'));
  fs.mkdirSync(path.join(folder, 'Default'));
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  fs.writeFileSync(path.join(folder, 'Default', 'Preferences'), JSON.stringify(preferences));
  const context = await chromium.launchPersistentContext(folder, { ...OPTIONS, ...WIDE });
  const [page] = context.pages();
  for (const [name, fields] of [
    ['login', { name: 'ray', password: PASSWORD }],
    ['register', { email: 'tim@example.com', password: PASSWORD, repeat: PASSWORD }],
    ['forgot', { email: 'ray@example.com' }],
  ]) {
    await page.goto(at(name));
    for (let count = 0; count < 2; count += 1) {
      await fill(page, fields);
      assert.match(await page.textContent('.alert'), /Allow cookies for this site/, name);
    }
  }
  assert.deepStrictEqual(await context.cookies(), []);
  await context.close();
  fs.rmSync(folder, { recursive: true, force: true });
}

run(withScripts, withoutScripts, invited, names, restart, otherOrigins, redirects, noCookies);
