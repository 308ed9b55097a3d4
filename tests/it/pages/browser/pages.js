// Opens the pages in Chromium as a person does. Each step that went well prints a line `ok: …`.
//
//   node pages.js BASE SCREENSHOTS

'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');
const { OPTIONS, PASSWORD, PHONE, WIDE, axe, logIn, logOut, ok, problems, run, withPage } = require('./person');

const [base, folder] = process.argv.slice(2);

// No page is wider than its window.
async function fits(page, name) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide <= window, `${name} is ${wide} wide in ${window}`);
}

const LANGUAGES = { en: 'en-GB', de: 'de-DE', ja: 'ja-JP', zh: 'zh-CN' };

// Every page: how it is reached, and what follows when it is there.
const PAGES = {
  login: page => page.goto(`${base}/mine`),
  login_error: async page => {
    await page.goto(`${base}/mine`);
    await logIn(page, 'ann', 'wrong');
  },
  register: page => page.goto(`${base}/.portcullis/register`),
  register_error: async page => {
    await page.goto(`${base}/.portcullis/register`);
    await page.fill('#email', 'bob@example.com');
    await page.fill('#username', 'ann');
    await page.fill('#password', PASSWORD);
    await page.fill('#repeat', PASSWORD);
    await page.click('button[type=submit]');
  },
  forgot: page => page.goto(`${base}/.portcullis/forgot`),
  forgot_sent: async page => {
    await page.goto(`${base}/.portcullis/forgot`);
    await page.fill('#email', 'ann@example.com');
    await page.click('button[type=submit]');
  },
  reset: (page, tokens) => page.goto(`${base}/.portcullis/reset?token=${tokens.reset}`),
  invite: (page, tokens) => page.goto(`${base}/.portcullis/invite?token=${tokens.reset}`),
  confirm: page => page.goto(`${base}/.portcullis/confirm?uid=1&token=x`),
  bad_link: page => page.goto(`${base}/.portcullis/reset?token=x`),
  nothing: page => page.goto(`${base}/.portcullis/nothing`),
  target: page => page.goto(`${base}/.portcullis/login?to=//evil.example`),
  lost: async page => {
    await page.goto(`${base}/open`);
    await page.evaluate(() => {
      document.body.innerHTML = '<form method="post" action="/mine"><button>go</button></form>';
    });
    await page.click('button');
  },
  denied: signedIn('/staff'),
  logout: signedIn('/.portcullis/logout'),
  account: signedIn('/.portcullis/account'),
  account_password: signedIn('/.portcullis/account/password'),
  account_email: signedIn('/.portcullis/account/email'),
  account_sessions: signedIn('/.portcullis/account/sessions'),
  account_tokens: signedIn('/.portcullis/account/tokens'),
  account_delete: signedIn('/.portcullis/account/delete'),
};

// With the session of one login for all of them.
function signedIn(target) {
  return Object.assign(page => page.goto(base + target), { signedIn: true });
}

async function screenshots() {
  const tokens = { reset: process.env.RESET_TOKEN };
  fs.mkdirSync(folder, { recursive: true });
  let storageState;
  await withPage(WIDE, async (page, context) => {
    await page.goto(`${base}/.portcullis/account/sessions`);
    await logIn(page);
    await page.click('button[value=others]');
    await page.goto(`${base}/.portcullis/account/tokens`);
    await page.fill('#name', 'Nightly report');
    await page.fill('#current', PASSWORD);
    await page.click('button[type=submit]');
    await page.waitForSelector('#made');
    await axe(page, 'a new token');
    await page.screenshot({ path: path.join(folder, 'account_tokens_made-en-wide-light.png'), fullPage: true });
    storageState = await context.storageState();
  });
  const shoot = async (name, language, size, colorScheme) => {
    const as = `${name}-${language}-${size}-${colorScheme}`;
    const open = PAGES[name];
    const shape = size === 'wide' ? WIDE : PHONE;
    const options = { ...shape, locale: LANGUAGES[language], colorScheme, ...(open.signedIn && { storageState }) };
    await withPage(options, async page => {
      await open(page, tokens);
      await page.waitForLoadState();
      assert.strictEqual(await page.getAttribute('html', 'lang'), language, as);
      await fits(page, as);
      // The markup is the same in all languages.
      if (language === 'en') await axe(page, as);
      await page.screenshot({ path: path.join(folder, `${as}.png`), fullPage: true });
    });
  };
  for (const [index, name] of Object.keys(PAGES).entries()) {
    for (const [size, colorScheme] of [['wide', 'light'], ['phone', 'dark']]) await shoot(name, 'en', size, colorScheme);
    await shoot(name, 'de', 'phone', 'light');
    await shoot(name, 'ja', index % 2 ? 'wide' : 'phone', 'dark');
    await shoot(name, 'zh', index % 2 ? 'phone' : 'wide', 'light');
    ok(`page ${name}`);
  }
}

// With and without scripts, a person comes back to where they wanted to go, to the very part of the page.
async function comesBack() {
  for (const javaScriptEnabled of [true, false]) {
    await withPage({ ...WIDE, javaScriptEnabled }, async page => {
      await page.goto(`${base}/mine/orders?page=2#third`);
      assert(page.url().startsWith(`${base}/.portcullis/login?to=`), page.url());
      await logIn(page);
      assert.strictEqual(page.url(), `${base}/mine/orders?page=2#third`);
      assert.match(await page.textContent('body'), /\/mine\/orders\?page=2/);
    });
  }
}

async function keyboard() {
  await withPage(WIDE, async page => {
    await page.goto(`${base}/mine`);
    await page.keyboard.press('Tab');
    await page.keyboard.type('ann');
    await page.keyboard.press('Tab');
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.alert');
    // The error is what a screen reader is at.
    assert.strictEqual(await page.evaluate(() => document.activeElement.className), 'alert');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${base}/mine`);
  });
}

async function tabs() {
  await withPage(WIDE, async (page, context) => {
    const other = await context.newPage();
    await page.goto(`${base}/mine/a`);
    await other.goto(`${base}/mine/b`);
    await logIn(page);
    assert.strictEqual(page.url(), `${base}/mine/a`);
    await logIn(other);
    assert.strictEqual(other.url(), `${base}/mine/b`);
    // Logged out in one tab, the other one is, too; the back button shows nothing of the account.
    await page.goto(`${base}/.portcullis/account`);
    await page.click('form[action$=logout] button');
    await page.waitForLoadState();
    assert.match(await page.textContent('.note'), /signed out/);
    await page.goBack();
    await page.waitForLoadState();
    assert(page.url().startsWith(`${base}/.portcullis/login`), page.url());
    await other.reload();
    assert(other.url().startsWith(`${base}/.portcullis/login`), other.url());
  });
}

// The app lets the browser keep its pages. The back button brings them out of the browser's memory, and a logout empties it.
async function cached() {
  const browser = await chromium.launch({ ...OPTIONS, ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  const page = await browser.newPage();
  const back = async text => {
    // A page out of the memory has no `load`.
    await page.goBack({ waitUntil: 'commit' });
    await page.waitForFunction(text => document.body.innerText.includes(text), text);
  };
  await page.goto(`${base}/mine/kept/a`);
  await logIn(page);
  const first = await page.textContent('body');
  await page.goto(`${base}/mine/kept/b`);
  await back(first);
  await page.goForward({ waitUntil: 'commit' });
  await logOut(page, base);
  for (let step = 0; step < 3; step += 1) await back('Email or username');
  await browser.close();
}

// A form of the app that is sent after the session has ended arrives after all.
async function lost() {
  await withPage(WIDE, async (page, context) => {
    await page.goto(`${base}/open`);
    await page.evaluate(() => {
      document.body.innerHTML = '<form method="post" action="/mine"><input name="text" value="long"><button>go</button></form>';
    });
    await page.click('button');
    await page.waitForSelector('.steps');
    const [login] = await Promise.all([context.waitForEvent('page'), page.click('.button')]);
    await login.waitForLoadState();
    await logIn(login);
    await page.reload();
    assert.match(await page.textContent('body'), /POST \/mine/);
  });
}

async function fetches() {
  await withPage(WIDE, async (page, context) => {
    await page.goto(`${base}/mine`);
    await logIn(page);
    assert.strictEqual(await page.evaluate(() => fetch('/mine/x', { method: 'POST' }).then(answer => answer.status)), 200);
    await context.clearCookies();
    const told = await page.evaluate(async () => {
      const answer = await fetch('/mine/x');
      return [answer.status, answer.redirected, (await answer.json()).error.code];
    });
    assert.deepStrictEqual(told, [401, false, 'AUTHORIZATION_REQUIRED']);
  });
  problems.splice(0, problems.length, ...problems.filter(problem => !problem.includes('status of 401')));
}

// A page of another site cannot log a person in or out.
async function otherSite() {
  await withPage(WIDE, async page => {
    await page.goto(`${base}/mine`);
    await logIn(page);
    for (const target of ['logout', 'login', 'register', 'account/delete']) {
      await page.goto(process.env.ELSEWHERE);
      await page.setContent(`<form method="post" action="${base}/.portcullis/${target}"><input name="name" value="bob"><input name="password" value="${PASSWORD}"><input name="current" value="${PASSWORD}"><button>win a prize</button></form>`);
      await page.click('button');
      await page.waitForLoadState();
      await page.goto(`${base}/.portcullis/account`);
      assert.match(await page.textContent('.rows'), /ann@example.com/, target);
    }
  });
}

async function noCookies() {
  await withPage(WIDE, async (page, context) => {
    await page.goto(`${base}/mine`);
    await context.clearCookies();
    await logIn(page);
    assert.match(await page.textContent('.alert'), /did not send the cookie/);
    // The page that says so brings a cookie: it works now.
    await logIn(page);
    assert.strictEqual(page.url(), `${base}/mine`);
    await context.clearCookies({ name: 'portcullis' });
    await page.goto(`${base}/mine`);
    assert.match(await page.textContent('.note'), /came back without the session cookie/);
  });
}

run(comesBack, keyboard, tabs, cached, lost, fetches, otherSite, noCookies, screenshots);
