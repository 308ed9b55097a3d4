// swagger-client, which finds the description by itself, lives a life here: BASE.
const SwaggerClient = require('swagger-client');

function check(holds, what) {
  if (!holds) throw new Error(JSON.stringify(what));
}

async function live(base) {
  const url = `${base}/.portcullis/openapi.json`;
  let { apis } = await SwaggerClient(url);
  const requestBody = { email: 'swagger@example.com', password: 'a-good-password', nick: 'swagger' };
  const user = (await apis.accounts['Member_create']({}, { requestBody })).body;
  check(user.email === requestBody.email, user);
  const credentials = { email: requestBody.email, password: requestBody.password, ttl: 60 };
  const session = (await apis.sessions['Member_login']({}, { requestBody: credentials })).body;
  check(session.userId === user.id && session.ttl === 60, session);
  apis = (await SwaggerClient({ url, authorizations: { authorization: session.id } })).apis;
  const read = (await apis.accounts['Member_findById']({ id: user.id })).body;
  check(read.nick === 'swagger', read);
  const refused = (asked) => asked.then(() => check(false, 'done'), (error) => error.response.body.error);
  const taken = await refused(apis.accounts['Member_create']({}, { requestBody }));
  check(taken.statusCode === 422 && taken.details.codes.email[0] === 'uniqueness', taken);
  await apis.sessions['Member_logout']({}, {});
  const gone = await refused(apis.accounts['Member_findById']({ id: user.id }));
  check(gone.statusCode === 401 && gone.code !== undefined, gone);
  console.log('ok');
}

live(process.argv[2]).catch((error) => { console.error(error); process.exitCode = 1; });
