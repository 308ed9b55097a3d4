// Registers at a gate whose limit is more than half used.
//
//   node challenge.js BASE SCREENSHOTS

'use strict';

const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { PASSWORD, PHONE, WIDE, ask, axe, run, send, withPage } = require('./person');

const [base, folder] = process.argv.slice(2);
const REGISTER = `${base}/.portcullis/register`;

async function register(page, name) {
  await page.fill('#email', `${name}@example.com`);
  await page.fill('#password', PASSWORD);
  await page.fill('#repeat', PASSWORD);
  await send(page);
}

const isSolved = page => page.waitForFunction(() => document.getElementById('solution').value);

// A form that is sent before the number is found waits for it.
async function before() {
  await withPage(WIDE, async page => {
    await page.addInitScript(() => {
      const digest = crypto.subtle.digest.bind(crypto.subtle);
      const released = new Promise(release => { window.release = release; });
      crypto.subtle.digest = async (...given) => { await released; return digest(...given); };
    });
    await page.goto(REGISTER);
    assert.match(await page.textContent('#check'), /is doing a short check/);
    await axe(page, 'a form with a check');
    await register(page, 'dora');
    assert.match(await page.textContent('#check'), /is sent as soon as/);
    assert.strictEqual(page.url(), REGISTER);
    await page.evaluate(() => window.release());
    await page.waitForURL(`${base}/`);
  });
}

// The number is found while a person types; after a mistake there is another one.
async function meanwhile() {
  await withPage(WIDE, async page => {
    await page.goto(REGISTER);
    await isSolved(page);
    assert.match(await page.textContent('#check'), /You can send the form/);
    await register(page, 'early0');
    assert.match(await page.textContent('.alert'), /There is an account/);
    await isSolved(page);
  });
}

async function withoutScripts() {
  await withPage({ ...WIDE, javaScriptEnabled: false }, async page => {
    await page.goto(REGISTER);
    assert.match(await page.textContent('#check'), /wait \d+ seconds before/);
    await register(page, 'emil');
    const [, seconds] = /Wait (\d+) more seconds/.exec(await page.textContent('.alert'));
    assert.strictEqual(await page.inputValue('#email'), 'emil@example.com');
    assert.strictEqual(await page.inputValue('#password'), '');
    await page.screenshot({ path: path.join(folder, 'register_early-en-wide-light.png'), fullPage: true });
    await ask(seconds);
    await register(page, 'emil');
    assert.strictEqual(page.url(), `${base}/`);
  });
}

async function screenshots() {
  fs.mkdirSync(folder, { recursive: true });
  for (const [language, locale] of [['en', 'en-GB'], ['de', 'de-DE'], ['ja', 'ja-JP'], ['zh', 'zh-CN']]) {
    await withPage({ ...PHONE, locale, colorScheme: 'dark' }, async page => {
      await page.goto(REGISTER);
      await isSolved(page);
      await axe(page, `a check in ${language}`);
      await page.screenshot({ path: path.join(folder, `register_check-${language}-phone-dark.png`), fullPage: true });
    });
  }
}

run(before, meanwhile, withoutScripts, screenshots);
