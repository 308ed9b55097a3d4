// The client of openapi-generator (typescript-fetch) lives a life here: BASE.
import { AccountsApi, Configuration, ResponseError, SessionsApi } from './client';

async function refused(asked: Promise<unknown>): Promise<any> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof ResponseError) return (await error.response.json()).error;
    throw error;
  }
  throw new Error('it is done');
}

function check(holds: boolean, what: unknown): void {
  if (!holds) throw new Error(JSON.stringify(what));
}

async function live(basePath: string): Promise<void> {
  let token = '';
  const apiKey = () => token;
  const config = new Configuration({ basePath, apiKey });
  const [accounts, sessions] = [new AccountsApi(config), new SessionsApi(config)];
  const newUser = { email: 'ts@example.com', password: 'a-good-password', nick: 'ts' };
  const user = await accounts.memberCreate({ newUser });
  check(user.email === newUser.email, user);
  const credentials = { email: newUser.email, password: newUser.password, ttl: 60 };
  const session = await sessions.memberLogin({ credentials });
  check(session.userId === user.id && session.ttl === 60, session);
  token = session.id;
  const read = await accounts.memberFindById({ id: user.id });
  check(read.nick === 'ts', read);
  const taken = await refused(accounts.memberCreate({ newUser }));
  check(taken.statusCode === 422 && taken.details.codes.email[0] === 'uniqueness', taken);
  await sessions.memberLogout();
  const gone = await refused(accounts.memberFindById({ id: user.id }));
  check(gone.statusCode === 401 && gone.code !== undefined, gone);
  console.log('ok');
}

declare const process: { argv: string[]; exitCode: number };
live(process.argv[2]!).catch((error) => { console.error(error); process.exitCode = 1; });
