'use strict';
// The life of an account as an app lives it that uses LoopBack's own client: `loopback-connector-remote`.
//
//   node remote.js GATE EVENTS PROFILE
//
// GATE: the gate's address. EVENTS: whom to ask for the next event of a kind. Prints one line a step.

const assert = require('assert');
const http = require('http');
const loopback = require('loopback');

const [gate, events, profile] = process.argv.slice(2);
const isLoopback = profile === 'loopback3';
const source = loopback.createDataSource({connector: require('loopback-connector-remote'), url: `${gate}/api`});
const User = loopback.User;
User.attachTo(source);

const password = 'a-good-password';
const email = 'ann@example.com';

function use(token) {
  source.connector.remotes.auth = token && {accessToken: token};
}

// The whole error of a step that has to fail.
async function refused(promise, status, code) {
  const error = await promise.then(() => assert.fail(`it was not refused: ${code}`), (error) => error);
  assert.deepStrictEqual([error.statusCode, error.code], [status, code], String(error));
  return error;
}

function event(kind) {
  return new Promise((resolve, reject) => {
    http.get(`${events}/${kind}`, (answer) => {
      let text = '';
      answer.on('data', (piece) => text += piece);
      answer.on('end', () => resolve(JSON.parse(text)));
    }).on('error', reject);
  });
}

const steps = {
  async registers() {
    const ann = await User.create({email, username: 'ann', password, nick: 'annie'});
    assert(ann instanceof User);
    assert.deepStrictEqual([ann.email, ann.password, ann.nick], [email, undefined, 'annie']);
    this.id = ann.id;
    const error = await refused(User.create({email, password}), 422, undefined);
    assert.strictEqual(error.name, 'ValidationError');
    assert.deepStrictEqual(error.details.codes, {email: ['uniqueness']});
  },

  async 'is refused'() {
    await refused(User.login({email, password: 'wrong'}), 401, 'LOGIN_FAILED');
    await refused(User.login({password}), 400, 'USERNAME_EMAIL_REQUIRED');
    await refused(User.findById(this.id), 401, 'AUTHORIZATION_REQUIRED');
  },

  async 'logs in'() {
    this.token = await User.login({email, password, ttl: 60, rememberMe: true}, 'user');
    assert.strictEqual(this.token.ttl, 60);
    assert.strictEqual(this.token.userId, this.id);
    use(this.token);
  },

  async 'reads and changes its own row'() {
    const ann = await User.findById(this.id);
    assert.strictEqual(ann.username, 'ann');
    const changed = await ann.patchAttributes({nick: 'anna'});
    assert.strictEqual(changed.nick, 'anna');
    const only = await User.findById(this.id, {fields: ['nick']});
    assert.deepStrictEqual([only.nick, only.username], ['anna', undefined]);
    await refused(ann.patchAttributes({email: 'bad'}), 422, undefined);
  },

  async 'is kept out of the rest'() {
    const [status, code] = isLoopback ? [401, 'AUTHORIZATION_REQUIRED'] : [403, 'ACCESS_DENIED'];
    await refused(User.find({where: {email}}), status, code);
    await refused(User.count(), status, code);
    await refused(User.findById(999), status, code);
    await refused(User.deleteById(999), status, code);
  },

  async 'confirms its address'() {
    const ann = await User.findById(this.id);
    await ann.verify({});
    const {verificationToken} = await event('verification.requested');
    await refused(User.confirm(String(this.id), 'x', undefined), 400, 'INVALID_TOKEN');
    await User.confirm(String(this.id), verificationToken, undefined);
    assert.strictEqual((await User.findById(this.id)).emailVerified, true);
  },

  async 'changes its password'() {
    await refused(User.changePassword(this.id, 'wrong', 'another-password'), 400, 'INVALID_PASSWORD');
    await User.changePassword(this.id, password, 'another-password');
    await User.findById(this.id);
  },

  async 'logs out'() {
    await User.logout(this.token.id);
    await refused(User.findById(this.id), 401, 'AUTHORIZATION_REQUIRED');
    await refused(User.logout(this.token.id), 401, undefined);
    use(null);
  },

  async 'resets its password'() {
    if (isLoopback) await refused(User.resetPassword({email: 'unknown@example.com'}), 404, 'EMAIL_NOT_FOUND');
    await User.resetPassword({email});
    const {accessToken} = await event('reset.requested');
    use(accessToken);
    await refused(User.setPassword(this.id, ''), 400, undefined);
    await User.setPassword(this.id, 'a-third-password');
    use(null);
    await refused(User.login({email, password: 'another-password'}), 401, 'LOGIN_FAILED');
    this.token = await User.login({username: 'ann', password: 'a-third-password'});
  },

  async 'takes the token as a bearer, too'() {
    const raw = isLoopback ? Buffer.from(this.token.id).toString('base64') : this.token.id;
    source.connector.remotes.auth = {bearer: raw, sendImmediately: true};
    assert.strictEqual((await User.findById(this.id)).email, email);
  },

  async leaves() {
    use(this.token);
    assert.deepStrictEqual(await User.deleteById(this.id), {count: 1});
    await refused(User.login({email, password: 'a-third-password'}), 401, 'LOGIN_FAILED');
  },
};

async function live() {
  const life = {};
  for (const [name, step] of Object.entries(steps)) {
    await step.call(life);
    console.log(`ok: ${name}`);
  }
}

live().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
