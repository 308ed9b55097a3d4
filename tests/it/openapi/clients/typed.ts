// openapi-typescript's types, with openapi-fetch, live a life here: BASE.
import createClient from 'openapi-fetch';
import type { paths } from './schema';

function check(holds: boolean, what: unknown): void {
  if (!holds) throw new Error(JSON.stringify(what));
}

async function live(baseUrl: string): Promise<void> {
  const client = createClient<paths>({ baseUrl });
  const body = { email: 'typed@example.com', password: 'a-good-password', nick: 'typed' };
  const made = await client.POST('/api/members', { body });
  check(made.data?.email === body.email, made);
  const login = await client.POST('/api/members/login', { body: { email: body.email, password: body.password, ttl: 60 } });
  check(login.data?.userId === made.data?.id && login.data?.ttl === 60, login);
  const headers = { Authorization: login.data?.id };
  const params = { path: { id: made.data?.id } };
  const read = await client.GET('/api/members/{id}', { params, headers });
  check(read.data?.nick === 'typed', read);
  const taken = await client.POST('/api/members', { body });
  check(taken.error?.error.statusCode === 422, taken);
  const details = taken.error?.error.details as { codes: { email: string[] } };
  check(details.codes.email[0] === 'uniqueness', details);
  await client.POST('/api/members/logout', { headers });
  const gone = await client.GET('/api/members/{id}', { params, headers });
  check(gone.error?.error.statusCode === 401 && gone.error?.error.code !== undefined, gone);
  console.log('ok');
}

declare const process: { argv: string[]; exitCode: number };
live(process.argv[2]!).catch((error) => { console.error(error); process.exitCode = 1; });
