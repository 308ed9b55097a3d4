// A person uses an app that knows nothing of the gate, behind it.
//
//   node apps.js APP BASE

'use strict';

const assert = require('assert');
const { PASSWORD, WIDE, logIn, logOut, problems, run, send, withPage } = require('./person');

const [app, base] = process.argv.slice(2);
const isLogin = url => url.startsWith(`${base}/.portcullis/login`);
const text = (page, selector = 'body') => page.textContent(selector);

// The last pages of a tab, after a logout. Chromium shows none of its own for the answer to a POST.
async function backShowsNo(page, secret) {
  for (let step = 0; step < 3; step += 1) {
    await page.goBack().catch(error => assert.match(error.message, /ERR_CACHE_MISS/));
    await page.waitForLoadState();
    assert(!(await text(page)).includes(secret), page.url());
  }
}

// The cell of a notebook runs, and its output comes over the kernel's WebSocket, which a logout in another tab closes.
async function jupyterlab() {
  await withPage(WIDE, async (page, context) => {
    const sockets = [];
    page.on('websocket', socket => sockets.push(socket));
    const other = await context.newPage();
    await other.goto(`${base}/lab/tree/other.txt`);
    await page.goto(`${base}/lab/tree/note.ipynb?factory=Notebook#part`);
    assert(isLogin(page.url()), page.url());
    await logIn(page);
    await page.waitForSelector('.jp-Notebook .cm-content', { timeout: 60000 });
    assert(page.url().startsWith(`${base}/lab/tree/note.ipynb`), page.url());
    await page.click('.jp-CodeCell .cm-content');
    await page.keyboard.press('Shift+Enter');
    await page.waitForSelector('.jp-OutputArea-output:has-text("forty-two: 42")', { timeout: 60000 });
    const channels = sockets.filter(socket => /\/api\/kernels\/[^/]+\/channels/.test(socket.url()));
    assert(channels.length, 'the kernel has a WebSocket');
    // The other tab was left at the login page.
    await other.reload();
    await other.click('.note a');
    await other.waitForSelector('.jp-FileEditor .cm-content:has-text("plain text")', { timeout: 60000 });

    const open = sockets.filter(socket => !socket.isClosed());
    assert(open.some(socket => channels.includes(socket)), 'it is open');
    const closed = open.map(socket => socket.waitForEvent('close'));
    await logOut(other, base);
    await Promise.all(closed);
    const status = await page.evaluate(() => fetch('/api/contents/note.ipynb').then(answer => answer.status));
    assert.strictEqual(status, 401);
    page.on('dialog', dialog => dialog.accept());
    await page.goto(`${base}/lab/tree/note.ipynb`);
    assert(isLogin(page.url()), page.url());
    await backShowsNo(other, 'plain text');
  });
}

// The admin has a login, cookies and form tokens of its own.
async function django() {
  await withPage(WIDE, async (page, context) => {
    const form = `${base}/admin/notes/note/add/?title=from+a+link`;
    await page.goto(form);
    assert(isLogin(page.url()), page.url());
    await logIn(page);
    assert(page.url().startsWith(`${base}/admin/login/?next=`), page.url());
    await page.fill('#id_username', 'root');
    await page.fill('#id_password', 'root-password');
    await page.click('input[type=submit]');
    await page.waitForURL(form);
    assert.strictEqual(await page.inputValue('#id_title'), 'from a link');
    await page.click('input[name=_save]');
    await page.waitForSelector('.success:has-text("was added successfully")');
    assert.match(await text(page, '#result_list'), /from a link/);
    await page.reload();
    assert.match(await text(page, '.paginator'), /1 note/);

    // The answer to a POST is loaded again: the browser sends the form once more, and the admin refuses it once more.
    await page.goto(form);
    await page.fill('#id_title', '');
    await page.click('input[name=_save]');
    await page.waitForSelector('.errornote');
    await page.reload();
    await page.waitForSelector('.errornote');

    // Signed out in another tab: what was typed arrives after all.
    const other = await context.newPage();
    await logOut(other, base);
    await page.fill('#id_title', 'typed for an hour');
    await page.click('input[name=_save]');
    await page.waitForSelector('.steps');
    const [login] = await Promise.all([context.waitForEvent('page'), page.click('.button')]);
    await login.waitForLoadState();
    await logIn(login);
    await page.reload();
    await page.waitForSelector('.success:has-text("was added successfully")');
    assert.match(await text(page, '#result_list'), /typed for an hour/);

    // Signed out in this tab: the back button shows nothing of the admin.
    await logOut(page, base);
    await backShowsNo(page, 'typed for an hour');
    await other.goto(`${base}/admin/`);
    assert(isLogin(other.url()), other.url());
  });
}

// Tables of a database to read, with scripts and without, and pages for one role alone.
async function datasette() {
  for (const javaScriptEnabled of [true, false]) {
    await withPage({ ...WIDE, javaScriptEnabled }, async (page, context) => {
      const rows = `${base}/shop/fish?_sort_desc=price&_facet=sea#facets`;
      const query = `${base}/shop?sql=select+name+from+fish+where+price+%3E+%3Alow&low=5`;
      const other = await context.newPage();
      await other.goto(query);
      await page.goto(rows);
      assert(isLogin(page.url()) && isLogin(other.url()), `${page.url()} ${other.url()}`);
      await logIn(page);
      assert.strictEqual(page.url(), rows);
      assert.match(await text(page, 'table.rows-and-columns'), /turbot[^]*herring/);
      await logIn(other);
      assert.strictEqual(other.url(), query);
      assert.match(await text(other, 'table.rows-and-columns'), /turbot/);
      // Two pages of the login are behind these; the back button finds one that knows who is there.
      await page.goBack();
      await page.waitForLoadState();
      assert.match(await text(page, '.note'), /signed in as ann/);
      await page.goForward();
      await page.click('a:has-text("North Sea")');
      await page.waitForLoadState();
      assert(page.url().includes('sea=North+Sea'), page.url());

      // What the rules keep for a role.
      await page.goto(`${base}/-/versions`);
      assert.match(await text(page, 'h1'), /cannot open this page/);
      await send(page);
      await logIn(page, 'bob');
      assert.strictEqual(page.url(), `${base}/-/versions`);
      assert.match(await text(page), /0\.65/);

      await page.goto(rows);
      await logOut(other, base);
      await page.reload();
      assert(isLogin(page.url()), page.url());
    });
  }
}

// The session ends with the browser, unless it is to stay.
async function remembers() {
  for (const stays of [false, true]) {
    await withPage(WIDE, async (page, context) => {
      await page.goto(`${base}/shop/fish`);
      if (stays) await page.check('input[name=remember]');
      await logIn(page);
      const cookie = (await context.cookies()).find(one => one.name === 'portcullis');
      assert(cookie.httpOnly && cookie.sameSite === 'Lax', JSON.stringify(cookie));
      assert.strictEqual(cookie.expires > 0, stays);
    });
  }
}

// Pages out of the cache: datasette lets the browser keep them for some seconds, and a logout empties the cache.
async function back() {
  await withPage(WIDE, async page => {
    await page.goto(`${base}/shop/fish`);
    await logIn(page);
    await page.click('a:has-text("turbot"), td a >> nth=0');
    await page.waitForLoadState();
    await logOut(page, base);
    await backShowsNo(page, 'turbot');
  });
}

// A page with scripts on an API, which writes for a role alone.
async function jsonServer() {
  await withPage(WIDE, async (page, context) => {
    const call = (method, target, body) => page.evaluate(async ([method, target, body]) => {
      const fields = { 'Content-Type': 'application/json' };
      const answer = await fetch(target, { method, body: body && JSON.stringify(body), ...(body && { headers: fields }) });
      return [answer.status, await answer.json()];
    }, [method, target, body]);
    await page.goto(`${base}/`);
    assert(isLogin(page.url()), page.url());
    await logIn(page);
    assert.strictEqual(page.url(), `${base}/`);
    // Its own script has asked the API.
    await page.waitForSelector('a[href="posts"], a[href="/posts"]');
    assert.deepStrictEqual(await call('GET', '/posts?id=1'), [200, [{ id: 1, title: 'first' }]]);
    assert.strictEqual((await call('POST', '/posts', { title: 'no' }))[0], 403);
    const other = await context.newPage();
    await other.goto(`${base}/.portcullis/login`);
    await logIn(other, 'bob');
    assert.deepStrictEqual(await call('POST', '/posts', { title: 'second' }), [201, { title: 'second', id: 2 }]);
    assert.deepStrictEqual(await call('PATCH', '/posts/2', { title: 'third' }), [200, { title: 'third', id: 2 }]);
    await page.goto(`${base}/posts/2`);
    assert.match(await text(page), /third/);
    await logOut(other, base);
    const [status, told] = await call('DELETE', '/posts/2');
    assert.deepStrictEqual([status, told.error.code], [401, 'AUTHORIZATION_REQUIRED']);
    await page.reload();
    assert(isLogin(page.url()), page.url());
    await logIn(page, 'ann', PASSWORD);
    assert.strictEqual(page.url(), `${base}/posts/2`);
    assert.match(await text(page), /third/);
  });
}

// What the apps' own pages complain of is theirs, and so is the status of a script's request.
async function ownPages() {
  problems.splice(0, problems.length, ...problems.filter(problem => problem.includes('/.portcullis/')));
}

const STEPS = { jupyterlab: [jupyterlab], django: [django], datasette: [datasette, remembers, back], jsonServer: [jsonServer] };
run(...STEPS[app], ownPages);
