// swagger-ui, in a page without a screen, lives a life here: BASE. It fills in what it would show, and sends that.
const { JSDOM } = require('jsdom');

function check(holds, what) {
  if (!holds) throw new Error(JSON.stringify(what));
}

async function page(base) {
  const dom = new JSDOM('<div id="ui"></div>', { url: `${base}/docs`, runScripts: 'outside-only', pretendToBeVisual: true });
  dom.window.fetch = (...asked) => fetch(...asked);
  Object.assign(dom.window, { Request, Response, Headers, FormData, URLSearchParams });
  const source = require('node:fs').readFileSync(require.resolve('swagger-ui-dist/swagger-ui-bundle.js'), 'utf8');
  dom.window.eval(source);
  const spec = await (await fetch(`${base}/.portcullis/openapi.json`)).json();
  const ui = await new Promise((done) => {
    const ui = dom.window.SwaggerUIBundle({ spec, dom_id: '#ui', onComplete: () => done(ui) });
  });
  return { dom, ui, spec, system: ui.getSystem() };
}

async function live(base) {
  const { dom, spec, system } = await page(base);
  const sample = (name) => system.fn.jsonSchema202012.sampleFromSchema(spec.components.schemas[name], { includeWriteOnly: true });
  let securities = {};
  const execute = (operationId, rest) => system.fn.execute({ spec, operationId, securities, ...rest });
  const mine = { email: 'ui@example.com', password: 'a-good-password' };
  const requestBody = { ...sample('NewUser'), ...mine };
  const user = (await execute('Member.create', { requestBody })).body;
  check(user.email === mine.email, user);
  const credentials = { ...sample('Credentials'), ...mine };
  check(credentials.ttl > 60, credentials);
  const session = (await execute('Member.login', { requestBody: credentials })).body;
  check(session.userId === user.id && session.ttl === credentials.ttl, session);
  securities = { authorized: { authorization: session.id } };
  const read = (await execute('Member.findById', { parameters: { id: user.id } })).body;
  check(read.id === user.id, read);
  const refused = (asked) => asked.then(() => check(false, 'done'), (error) => error.response.body.error);
  const taken = await refused(execute('Member.create', { requestBody }));
  check(taken.statusCode === 422 && taken.details.codes.email[0] === 'uniqueness', taken);
  await execute('Member.logout', {});
  const gone = await refused(execute('Member.findById', { parameters: { id: user.id } }));
  check(gone.statusCode === 401 && gone.code !== undefined, gone);
  dom.window.close();
  console.log('ok');
}

live(process.argv[2]).catch((error) => { console.error(error); process.exitCode = 1; });
