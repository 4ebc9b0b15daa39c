import { Logger } from '@nestjs/common';
import { AuthEventLog, SignInService } from 'nestjs-refresh-token';
import { Geofence } from 'nestjs-refresh-token/risk';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { AuthEventRecord } from 'nestjs-refresh-token/typeorm';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { adapters, type AuthSetup, createAuthApp, createAuthContext, SECRET } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { onEveryDatabase } from '../support/every-database.js';
import { login } from '../support/http.js';
import { inCountry } from '../support/signals.js';

afterEach(() => vi.restoreAllMocks());

const HASH = /^[\w-]{22}$/;
const audit = { store: true, flushInterval: '10ms' };

async function start(setup: AuthSetup = {}, database?: TestDatabase) {
  const context = await createAuthContext(database ?? (await databaseNamed('sqljs').create()), {
    ...setup,
    options: { audit, ...setup.options },
  });
  onTestFinished(() => context.close());
  const signIn = context.module.get(SignInService);
  const log = context.module.get(AuthEventLog);
  const fail = (username: string) => expect(signIn.signIn(username, 'wrong')).rejects.toThrow();
  return { ...context, signIn, log, fail };
}

describe('a failed login', () => {
  it.each(adapters)('tells the account by a keyed hash and not by its name, on %s', async (adapter) => {
    const host = await createAuthApp(adapter, await databaseNamed('sqljs').create(), { options: { audit } });
    onTestFinished(() => host.close());
    await login(host.url, { username: 'alice', password: 'wrong' });
    await login(host.url, { username: 'nobody-canary', password: 'wrong' });
    const [alice, nobody] = host.events;
    expect(alice).toMatchObject({ type: 'sign_in_failed', account: expect.stringMatching(HASH) });
    expect(nobody.account).not.toBe(alice.account);
    const log = host.module.get(AuthEventLog);
    expect(log.accountHashes('alice')).toEqual([alice.account]);
    expect(await log.find({ account: 'nobody-canary' })).toMatchObject([
      { account: nobody.account, accountName: null },
    ]);
    const rows = await host.dataSource.getRepository(AuthEventRecord).find();
    expect(JSON.stringify([host.events, rows])).not.toContain('canary');
  });

  it('is of the same account, however the name is written', async () => {
    const { fail, log } = await start();
    const spellings = ['Straße', 'STRASSE', '  strasse\t', 'ｓｔｒａｓｓｅ', 'strasse'];
    for (const name of spellings) await fail(name);
    await fail('strass');
    const found = await log.find({ account: 'Strasse' });
    expect(found).toHaveLength(spellings.length);
    expect(new Set(found.map(({ account }) => account)).size).toBe(1);
  });

  it('has another hash with another secret or in another module, so the hash cannot be looked up elsewhere', async () => {
    const [one, two] = [await start(), await start({ options: { audit, secret: SECRET.replace('kX9', 'kX8') } })];
    const named = await start({ options: { audit, name: 'staff' } });
    const hashes = [one, two, named].flatMap(({ log }) => log.accountHashes('alice'));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('is found after the secret has been rotated', async () => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const before = await start({}, database);
    await before.fail('alice');
    await before.log.flush();
    const after = await start({ options: { audit, secret: [SECRET.replace('kX9', 'kX8'), SECRET] } }, database);
    await after.fail('alice');
    const found = await after.log.find({ account: 'alice' });
    expect(found.map(({ account }) => account)).toEqual(after.log.accountHashes('alice'));
    expect(found).toHaveLength(2);
  });

  it('tells the name by option, within bounds and on one line', async () => {
    const { fail, events } = await start({ options: { audit: { ...audit, accountNames: true } } });
    await fail('Alice ');
    await fail('a\r\nWARN \u001b[2J\u202e');
    await fail('\u0001'.repeat(300));
    expect(events.map(({ accountName }) => accountName)).toEqual([
      'Alice ',
      'a\\u000d\\u000aWARN \\u001b[2J\\u202e',
      expect.stringMatching(/^(\\u0001)+\\?u?0*$/),
    ]);
    expect(events[2].accountName!.length).toBeLessThanOrEqual(255);
  });

  it.each([undefined, null, 7, {}, ''])(
    'with %j as its name tells no account, and is no failure of ours',
    async (name) => {
      const { signIn, events } = await start();
      await expect(signIn.signIn(name as string, 'wrong')).rejects.toMatchObject({ code: 'invalid_credentials' });
      expect(events).toMatchObject([{ type: 'sign_in_failed' }]);
      expect(events[0].account).toBeUndefined();
    },
  );

  it('that a risk rule refuses before the password is checked tells the account, too', async () => {
    const risk = { geoIp: { locate: () => inCountry('FR') }, rules: [new Geofence({ allow: ['DE'] })] };
    const { signIn, events, log } = await start({ options: { audit, risk } });
    await expect(signIn.signIn('alice', 'alice-password', {}, { ip: '192.0.2.1' })).rejects.toThrow();
    expect(events).toMatchObject([{ type: 'sign_in_failed', account: log.accountHashes('alice')[0] }]);
  });

  it('that is throttled tells whose account is guessed at; spellings share the limit', async () => {
    vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const host = await createAuthApp('express', await databaseNamed('sqljs').create(), {
      imports: [AuthThrottlingModule.forRoot({ loginFailures: 3 })],
    });
    onTestFinished(() => host.close());
    for (const username of ['alice', ' ALICE', 'ａｌｉｃｅ ']) await login(host.url, { username, password: 'wrong' });
    const [hash] = host.module.get(AuthEventLog).accountHashes('alice');
    expect(host.events.at(-1)).toMatchObject({ type: 'throttled', reason: 'login', account: hash });
    const { status } = await login(host.url, { username: 'alice', password: 'alice-password' });
    expect(status).toBe(429);
  });
});

describe('the account of a failed login is stored', () => {
  onEveryDatabase({ options: { audit: { ...audit, accountNames: true } } }, (host) => {
    it('with its name, whatever the name is', async () => {
      const { module } = host();
      const names = ['alice', '🙂'.repeat(127), '\ud83d', "'; DROP TABLE auth_events; --"];
      for (const name of names) await expect(module.get(SignInService).signIn(name, 'wrong')).rejects.toThrow();
      const found = await module.get(AuthEventLog).find({ type: 'sign_in_failed' });
      expect(found).toHaveLength(names.length);
      expect(found.at(-1)).toMatchObject({ accountName: 'alice', account: expect.stringMatching(HASH) });
      const byHash = await module.get(AuthEventLog).find({ accountHash: found.at(-1)!.account! });
      expect(byHash).toEqual([found.at(-1)]);
    });
  });
});
