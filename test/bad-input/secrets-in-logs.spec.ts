import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import type { Logger as TypeOrmLogger } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapters, type AuthApp, createAuthApp, SECRET } from '../support/auth-app.js';
import { databases, type TestDatabase } from '../support/databases.js';
import { type AuthBody, bearer, cookieHeader, login, refresh, refreshCookie, send } from '../support/http.js';
import { SECOND, signIn } from '../support/listening.js';

/** The forms that loggers give to what they get: TypeORM's own the first, structured ones the second. */
const forms = {
  'as text': String,
  'as JSON': (part: unknown) => JSON.stringify(part),
  inspected: (part: unknown) => inspect(part, { depth: 9 }),
};

/** Everything that is logged, in each of the forms. */
class Sink {
  readonly texts = { 'as text': '', 'as JSON': '', inspected: '' };

  readonly write = (...parts: unknown[]): void => {
    for (const form of ['as text', 'as JSON', 'inspected'] as const) {
      this.texts[form] += parts.map((part) => `${forms[form](part)}\n`).join('');
    }
  };

  /** The query runner, which each of them gets too, is nothing that anybody would log. */
  readonly typeOrm: TypeOrmLogger = {
    logQuery: (query, parameters) => this.write(query, parameters),
    logQueryError: (error, query, parameters) => this.write(error, query, parameters),
    logQuerySlow: (time, query, parameters) => this.write(time, query, parameters),
    logSchemaBuild: (message) => this.write(message),
    logMigration: (message) => this.write(message),
    log: (level, message) => this.write(level, message),
  };

  readonly nest: LoggerService = {
    log: this.write,
    error: this.write,
    warn: this.write,
    debug: this.write,
    verbose: this.write,
    fatal: this.write,
  };
}

/** Everything that must not be logged: what was issued, its parts, and what is stored of it. */
class Secrets {
  readonly words = new Set([SECRET, 'alice-password', 'wrong-password']);

  token(token: string): string {
    this.words.add(token);
    const bytes = Buffer.from(token.slice('nrt_'.length), 'base64url');
    for (const part of [bytes.subarray(24, 56), bytes.subarray(56, 80)]) {
      this.words.add(part.toString('base64url')).add(part.toString('hex'));
    }
    this.words.add(token.slice(-64));
    return token;
  }

  accessToken(token: string): string {
    this.words.add(token).add(token.split('.')[2]);
    return token;
  }

  /** A key of a use, which only its client may know. */
  key(key: string): string {
    this.words.add(key);
    return key;
  }

  async rows(app: AuthApp): Promise<void> {
    for (const { tokenHash, seed, given, givenBefore } of await app.dataSource.getRepository(RefreshToken).find()) {
      for (const word of [tokenHash, seed, given, givenBefore]) if (word !== null) this.words.add(word);
    }
  }
}

// The embedded PostgreSQL takes its statements as the real one does; SQLite is for tests alone.
const servers = databases.filter(({ name }) => name === 'postgres' || name === 'mariadb');

for (const { name, available, create } of servers) {
  for (const adapter of adapters) {
    describe.skipIf(!available)(`no secret is logged (${adapter}, ${name})`, () => {
      const sink = new Sink();
      const secrets = new Secrets();
      let database: TestDatabase;
      let app: AuthApp;
      beforeAll(async () => {
        database = await create();
        app = await createAuthApp(adapter, database, {
          dataSource: { logging: true, logger: sink.typeOrm },
          // At every level, `debug` and `verbose` too.
          configure: (host) => host.useLogger(sink.nest),
        });
        await wholeFlow(app, secrets);
      });
      afterAll(async () => {
        await app?.close();
        await database?.drop();
      });

      const expectNoneIn = (text: string) => {
        expect(secrets.words.size).toBeGreaterThan(40);
        expect([...secrets.words].filter((word) => text.includes(word))).toEqual([]);
      };

      test.each(['as text', 'as JSON', 'inspected'] as const)(
        'by TypeORM with logging: true, or by Nest, %s',
        (form) => {
          // What was done has been logged, the failures too.
          for (const word of ['INSERT INTO', 'UPDATE', 'temporarily_unavailable', 'reuse_detected']) {
            expect(sink.texts[form]).toContain(word);
          }
          expectNoneIn(sink.texts[form]);
        },
      );

      test('or told by an event', () => {
        const types = new Set(app.events.map(({ type }) => type));
        for (const type of [
          'signed_in',
          'sign_in_failed',
          'refreshed',
          'refresh_repeated',
          'reuse_detected',
          'revoked',
        ] as const) {
          expect(types).toContain(type);
        }
        expectNoneIn(inspect(app.events, { depth: 9 }) + JSON.stringify(app.events));
      });
    });
  }
}

/** Everything that can happen to tokens, in one story. */
async function wholeFlow(app: AuthApp, secrets: Secrets): Promise<void> {
  const inBody = await signIn(app);
  const inCookie = await signIn(app, { transport: 'cookie' });
  for (const { refreshToken, accessToken } of [inBody, inCookie]) {
    secrets.token(refreshToken);
    secrets.accessToken(accessToken);
  }
  await secrets.rows(app);
  await login(app.url, { username: 'alice', password: 'wrong-password' });

  const refreshed = await refresh(app.url, inBody.refreshToken);
  secrets.token(refreshed.body.refresh_token);
  secrets.accessToken(refreshed.body.access_token);
  secrets.token(refreshCookie(await refresh(app.url, undefined, cookieHeader(inCookie.refreshToken)))!);
  await secrets.rows(app);
  secrets.accessToken((await refresh(app.url, inBody.refreshToken)).body.access_token);

  await refresh(app.url, secrets.token(`${inBody.refreshToken.slice(0, -1)}x`));
  await refresh(app.url, inBody.accessToken);
  await refresh(app.url, inBody.refreshToken, cookieHeader(inCookie.refreshToken));
  await send('GET', `${app.url}/auth/me`, { headers: bearer(inBody.refreshToken) });
  const headers = { 'content-type': 'application/json' };
  await send('POST', `${app.url}/auth/refresh`, { headers, text: `{"refresh_token":"${inBody.refreshToken}` });
  await failing(app, async () => {
    await refresh(app.url, refreshed.body.refresh_token);
    await login(app.url, { username: 'alice', password: 'alice-password' });
    await send('POST', `${app.url}/auth/logout`, { body: { refresh_token: inBody.refreshToken } });
  });

  await uses(app, secrets);
  // The window is longer by the time in which the table could not be read.
  app.clock.advance(60 * SECOND);
  await refresh(app.url, inBody.refreshToken);
  await send('POST', `${app.url}/auth/logout`, { headers: cookieHeader(inCookie.refreshToken) });
  await secrets.rows(app);
  await app.service.purge();
}

/** Keys in bodies, claims and headers: good ones, malformed ones, and those of requests that fail. */
async function uses(app: AuthApp, secrets: Secrets): Promise<void> {
  let count = 0;
  const key = () => secrets.key(`key-of-a-use-${++count}-7f3a9c`);
  const malformed = () => secrets.key(`malformed key ${++count} 7f3a9c`);
  const claim = (...keys: string[]) => ({ generation: 0, keys });
  const json = { 'content-type': 'application/json' };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const credentials = { username: 'alice', password: 'alice-password', transport: 'body' };
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    send<AuthBody>('POST', `${app.url}/auth/${path}`, { headers, body });

  const first = key();
  const { refresh_token } = (await post('login', { ...credentials, idempotency_key: first })).body;
  secrets.token(refresh_token);
  secrets.accessToken((await post('login', credentials, { 'idempotency-key': key() })).body.access_token);
  const received_with = claim(first, key());
  const use = { idempotency_key: key(), received_with };
  secrets.token((await post('refresh', { refresh_token, ...use })).body.refresh_token);
  await post('refresh', { refresh_token, ...use });
  await post('refresh', { refresh_token }, { 'idempotency-key': `"${key()}"` });
  const asked = { password: 'wrong-password', refresh_token };
  await post('step-up', { ...asked, idempotency_key: key(), received_with: claim(key()) });
  const text = `refresh_token=${refresh_token}&idempotency_key=${key()}&received_with[generation]=0&received_with[keys][]=${key()}`;
  await send('POST', `${app.url}/auth/refresh`, { headers: form, text });

  for (const path of ['login', 'refresh', 'step-up']) {
    const body = { ...credentials, refresh_token };
    await post(path, { ...body, idempotency_key: malformed() });
    await post(path, { ...body, idempotency_key: [key()] });
    await post(path, { ...body, received_with: claim(key(), malformed()) });
    await post(path, { ...body, received_with: { ...claim(key()), [malformed()]: key() } });
    await post(path, body, { 'idempotency-key': malformed() });
    await post(path, body, { 'idempotency-key': `${key()}, ${key()}` });
    const fields = `refresh_token=${refresh_token}&received_with={"generation":0,"keys":["${key()}"`;
    await send('POST', `${app.url}/auth/${path}`, { headers: form, text: fields });
    await send('POST', `${app.url}/auth/${path}`, { headers: json, text: `{"idempotency_key":"${key()}` });
  }
  await failing(app, async () => {
    await post('login', { ...credentials, idempotency_key: key() });
    await post('refresh', { refresh_token, idempotency_key: key(), received_with: claim(key()) });
    await post('refresh', { refresh_token }, { 'idempotency-key': key() });
    await post('step-up', { ...asked, idempotency_key: key(), received_with: claim(key()) });
  });
}

/** Every statement of the library fails meanwhile, in the database. */
async function failing(app: AuthApp, work: () => Promise<void>): Promise<void> {
  await app.dataSource.query('ALTER TABLE refresh_tokens RENAME TO elsewhere');
  await work();
  await app.dataSource.query('ALTER TABLE elsewhere RENAME TO refresh_tokens');
}
