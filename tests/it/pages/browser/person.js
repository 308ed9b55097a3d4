// A person at Chromium: what the scripts here share. Each step that went well prints a line `ok: …`.

'use strict';

const assert = require('assert');
const fs = require('fs');
const readline = require('readline');
const { chromium } = require('playwright-core');

const PASSWORD = 'a-good-password';
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const WIDE = { viewport: { width: 1200, height: 820 } };
const PHONE = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

// What the console and the policies of the pages complained of.
const problems = [];
const ok = name => console.log(`ok: ${name}`);

const OPTIONS = {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
};

let browser;

// A window of a browser that has no cookies yet.
async function withPage(options, use) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(15000);
  context.on('page', watch);
  const page = await context.newPage();
  await use(page, context);
  await context.close();
}

function watch(page) {
  page.on('pageerror', error => problems.push(`${page.url()}: ${error}`));
  page.on('console', message => {
    // The status of a page is not an error of it.
    const status = message.text().startsWith('Failed to load resource') && message.location().url === page.url();
    if (['error', 'warning'].includes(message.type()) && !status) problems.push(`${page.url()}: ${message.text()}`);
  });
}

async function logIn(page, name = 'ann', password = PASSWORD) {
  await page.fill('#name', name);
  await page.fill('#password', password);
  await send(page);
}

// Sends the form of a page of the gate.
async function send(page, button = 'button[type=submit]') {
  await page.click(button);
  await page.waitForLoadState();
}

// Signs out on the account's page.
async function logOut(page, base) {
  await page.goto(`${base}/.portcullis/account`);
  await send(page, 'form[action$=logout] button');
  await page.waitForSelector('.note');
}

// Asks the test, which answers with a line.
let answers;
async function ask(what) {
  answers ||= readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(`ask: ${what}`);
  const { value, done } = await answers.next();
  if (done) throw new Error(`no answer to ${what}`);
  return value;
}

// What axe finds wrong, of WCAG 2.2 AA. Its script runs in a context without the page's policy.
async function axe(page, name) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const world = { frameId: frameTree.frame.id, worldName: 'axe' };
  const { executionContextId } = await session.send('Page.createIsolatedWorld', world);
  const run = `${AXE}; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(found => JSON.stringify(found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | '))))`;
  const asked = { expression: run, contextId: executionContextId, awaitPromise: true, returnByValue: true };
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', asked);
  assert(!exceptionDetails, JSON.stringify(exceptionDetails));
  const found = JSON.parse(result.value);
  assert.deepStrictEqual(found, [], `${name}: ${found.join('\n')}`);
  await session.detach();
}

// Runs the steps of a script.
function run(...steps) {
  const main = async () => {
    browser = await chromium.launch(OPTIONS);
    for (const step of steps) {
      await step();
      ok(step.name);
    }
    if (problems.length) throw new Error(problems.join('\n'));
    ok('no console error');
    await browser.close();
    process.exit(0);
  };
  main().catch(error => {
    console.error(error);
    process.exit(1);
  });
}

module.exports = { OPTIONS, PASSWORD, PHONE, WIDE, ask, axe, logIn, logOut, ok, problems, run, send, withPage };
