// Runs in an application whose users are in another ORM. Plain JavaScript, next to the compiled files of a page of the
// documentation. Prints what a host would see. With a REFRESH_TOKEN in the environment, only whether that is still good.
// With ONLY_SIGN_IN, only the token of a new user.
import 'reflect-metadata';
import { connect } from 'node:net';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';

const { DATABASE_URL, REFRESH_TOKEN, ONLY_SIGN_IN } = process.env;

/** How often users were read. */
let reads = 0;
const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (...args) {
  const text = args[0]?.text ?? args[0];
  if (/^select\b.*\bfrom\b.*\busers\b/is.test(text)) reads++;
  return query.apply(this, args);
};

const { AppModule } = await import('./out/app.module.js');
const { UsersService } = await import('./out/users/users.service.js');
const { PasswordsService } = await import('./out/users/passwords.service.js');
const { RefreshTokenService } = await import('nestjs-refresh-token');

const server = new pg.Client({ connectionString: DATABASE_URL, application_name: 'observer' });
await server.connect();
const app = await NestFactory.create(AppModule, { logger: ['fatal'] });
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

async function send(method, path, { token, body } = {}) {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const signIn = async (username, password) =>
  send('POST', '/auth/login', { body: { username, password, transport: 'body' } });
const refresh = (refresh_token) => send('POST', '/auth/refresh', { body: { refresh_token } });

/** Signs in, or throws. */
async function session(username, password) {
  const { status, body } = await signIn(username, password);
  if (status !== 200) throw new Error(`${username} cannot sign in: ${status}`);
  return { token: body.refresh_token, access: body.access_token };
}

/** Refreshes the session; the status, or the error. */
async function go(session) {
  const { status, body } = await refresh(session.token);
  if (status !== 200) return body.error;
  Object.assign(session, { token: body.refresh_token, access: body.access_token });
  return status;
}

const change = (session, password) => send('PUT', '/password', { token: session.access, body: { password } });

if (REFRESH_TOKEN) {
  const kept = { token: REFRESH_TOKEN };
  console.log(JSON.stringify({ refresh: await go(kept), token: kept.token }));
  await app.close();
} else if (ONLY_SIGN_IN) {
  await app.get(UsersService, { strict: false }).create('alice', 'alice-password', ['user']);
  console.log(JSON.stringify({ token: (await session('alice', 'alice-password')).token }));
  await app.close();
} else {
  console.log(JSON.stringify(await story()));
}
await server.end();

async function story() {
  const users = app.get(UsersService, { strict: false });
  const passwords = app.get(PasswordsService, { strict: false });
  const refreshTokens = app.get(RefreshTokenService, { strict: false });
  const created = [];
  for (const name of ['alice', 'bob', 'carol', 'dan'])
    created.push(await users.create(name, `${name}-password`, ['user']));
  const inTwoSteps = (session, password) => {
    const { sub, sid } = JSON.parse(Buffer.from(session.access.split('.')[1], 'base64url').toString());
    return passwords.changeInTwoSteps(sub, password, sid);
  };
  const [alice, bob, carol, dan] = created;
  const seen = { created: Object.keys(alice).sort() };
  await server.query("UPDATE users SET disabled = true WHERE username = 'dan'");

  seen.signIn = [];
  for (const [name, password] of [
    ['alice', 'alice-password'],
    ['alice', 'wrong'],
    ['nobody', 'alice-password'],
    ['dan', 'dan-password'],
    ["' OR 1=1 --", 'x'],
  ]) {
    seen.signIn.push((await signIn(name, password)).status);
  }
  seen.malformed = (await send('POST', '/auth/login', { body: { username: { not: '' }, password: 'x' } })).status;

  const first = await session('alice', 'alice-password');
  const rolesOf = async () => (await send('GET', '/auth/me', { token: first.access })).body.roles;
  seen.roles = [await rolesOf()];
  await server.query("UPDATE users SET roles = '{user,admin}' WHERE username = 'alice'");
  seen.refresh = await go(first);
  seen.roles.push(await rolesOf());

  reads = 0;
  const loaded = await users.loadUsers([carol.id, alice.id, dan.id, bob.id, '00000000-0000-4000-8000-000000000000']);
  seen.loaded = {
    ids:
      loaded
        .map(({ id }) => id)
        .sort()
        .join() === [alice.id, bob.id, carol.id].sort().join(),
    reads,
  };
  const many = await Promise.all(Array.from({ length: 8 }, () => refreshTokens.issue(bob, { transport: 'body' })));
  reads = 0;
  await Promise.all(many.map(({ refreshToken }) => refreshTokens.refresh(refreshToken)));
  seen.fewerReadsThanRefreshes = reads < many.length;

  const stepUp = async (password) =>
    (await send('POST', '/auth/step-up', { body: { refresh_token: first.token, password } })).status;
  seen.stepUp = [await stepUp('wrong')];
  const stepped = await send('POST', '/auth/step-up', {
    body: { refresh_token: first.token, password: 'alice-password' },
  });
  seen.stepUp.push(stepped.status);
  Object.assign(first, { token: stepped.body.refresh_token, access: stepped.body.access_token });

  const other = await session('alice', 'alice-password');
  seen.changed = {
    malformed: (await change(first, 7)).status,
    without: (await send('PUT', '/password', { body: { password: 'long-enough' } })).status,
    status: (await change(first, 'second-password')).status,
    kept: await go(first),
    other: await go(other),
    old: (await signIn('alice', 'alice-password')).status,
    next: (await signIn('alice', 'second-password')).status,
  };

  await server.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON users EXECUTE FUNCTION refuse();`);
  const another = await session('alice', 'second-password');
  seen.fails = {
    status: (await change(first, 'third-password')).status,
    kept: await go(first),
    other: await go(another),
    old: (await signIn('alice', 'second-password')).status,
    next: (await signIn('alice', 'third-password')).status,
  };
  if (passwords.changeInTwoSteps) {
    seen.secondStepFails = {
      change: await inTwoSteps(first, 'third-password').then(
        () => 'done',
        () => 'thrown',
      ),
      kept: await go(first),
      other: await go(another),
      old: (await signIn('alice', 'second-password')).status,
      next: (await signIn('alice', 'third-password')).status,
    };
  }
  await server.query('DROP TRIGGER refuse ON users; DROP FUNCTION refuse');

  if (passwords.changeInTwoSteps) {
    // The second step waits for this lock.
    await server.query("BEGIN; SELECT 1 FROM users WHERE username = 'alice' FOR UPDATE");
    const changing = inTwoSteps(first, 'third-password').then(() => 'done');
    await waiting();
    const between = await session('alice', 'second-password');
    seen.betweenTheSteps = { kept: await go(first) };
    await server.query('COMMIT');
    Object.assign(seen.betweenTheSteps, {
      change: await changing,
      keptAfter: await go(first),
      signedInBetween: await go(between),
      next: (await signIn('alice', 'third-password')).status,
    });
  }

  const kept = await session('carol', 'carol-password');
  const bobs = await session('bob', 'bob-password');
  await server.query("UPDATE users SET disabled = true WHERE username = 'bob'");
  seen.disabled = await go(bobs);

  // A sign-in is in progress when the application stops.
  await server.query('BEGIN; LOCK TABLE users');
  const last = signIn('carol', 'carol-password');
  await waiting();
  const closed = app.close();
  await refused();
  await server.query('COMMIT');
  seen.stop = { inProgress: (await last).status };
  await closed;
  // PostgreSQL needs a moment to see that they are gone.
  while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return { ...seen, token: kept.token };
}

/** How many connections the application has. */
async function open() {
  const { rows } = await server.query(
    "SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'observer'",
  );
  return rows[0].open;
}

/** Until a connection waits for the lock. */
async function waiting() {
  for (;;) {
    const { rows } = await server.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Until the server accepts no connection. */
async function refused() {
  const { hostname, port } = new URL(url);
  const accepts = () =>
    new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => resolve(true)).on('error', () => resolve(false));
      socket.unref().on('connect', () => socket.destroy());
    });
  while (await accepts()) await new Promise((resolve) => setTimeout(resolve, 20));
}
