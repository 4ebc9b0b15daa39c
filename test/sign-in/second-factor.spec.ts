import { Matches } from 'class-validator';
import {
  type AuthUser,
  type ContinuedSignIn,
  SecondFactorService,
  type SignedInUser,
  SignInService,
} from 'nestjs-refresh-token';
import { createAuthClient } from 'nestjs-refresh-token/client';
import { Geofence } from 'nestjs-refresh-token/risk';
import { AuthThrottlingModule, type AuthThrottlingOptions } from 'nestjs-refresh-token/throttling';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, test } from 'vitest';
import {
  type Adapter,
  adapters,
  type AuthApp,
  createAuthApp,
  createAuthContext,
  HostUsers,
} from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { type Answer, type AuthBody, cookiesSet, refresh, refreshCookie, send } from '../support/http.js';
import '../support/built.js';

class OtpDto {
  @Matches(/^\d{6}$/)
  otp: string;
}

interface MfaBody extends AuthBody {
  mfa_ticket: string;
  methods: string[];
}

/** Alice has a second factor, and bob has none. */
class MfaUsers extends HostUsers {
  version = 1;
  disabled = false;
  readonly tried: unknown[][] = [];
  firstTerms: SignedInUser['sessionTerms'];
  sessionTerms: SignedInUser['sessionTerms'] = { amr: ['otp'], acr: 'aal2' };

  private get alice(): AuthUser {
    return { id: 'user-alice', roles: ['user'], credentialsVersion: this.version };
  }

  override validateCredentials = (async (username: string, password: string) => {
    if (password !== `${username}-password`) return null;
    return username === 'alice'
      ? { mfaRequired: { user: { ...this.alice, sessionTerms: this.firstTerms }, methods: ['otp', 'hwk'] } }
      : { id: username, roles: [] };
  }) as unknown as HostUsers['validateCredentials'];

  override loadUser = async (id: string) =>
    this.disabled ? null : id === 'user-alice' ? this.alice : { id, roles: [] };

  continueSignIn = async (id: string, secondFactor: OtpDto, signIn: ContinuedSignIn): Promise<SignedInUser | null> => {
    this.tried.push([id, secondFactor, signIn]);
    return secondFactor.otp === '123456' ? { ...this.alice, sessionTerms: this.sessionTerms } : null;
  };
}

interface Setup {
  users?: MfaUsers;
  options?: object;
  throttling?: Partial<AuthThrottlingOptions>;
  database?: TestDatabase;
}

type MfaApp = Omit<AuthApp, 'users'> & { users: MfaUsers };

async function appWith(
  adapter: Adapter,
  { users = new MfaUsers(), options, throttling, database }: Setup = {},
): Promise<MfaApp> {
  const app = await createAuthApp(adapter, database ?? (await databaseNamed('sqljs').create()), {
    users,
    options: { mfaDto: OtpDto, ...options },
    imports: throttling ? [AuthThrottlingModule.forRoot(throttling)] : [],
    trustProxy: 'loopback',
  });
  return { ...app, users };
}

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' };

function first(app: MfaApp, more: object = {}, headers = {}): Promise<Answer<MfaBody>> {
  return send('POST', `${app.url}/auth/login`, { body: { ...ALICE, ...more }, headers });
}

function second(
  app: MfaApp,
  ticket: unknown,
  more: object = { otp: '123456' },
  headers = {},
): Promise<Answer<AuthBody>> {
  return send('POST', `${app.url}/auth/login/continue`, { body: { mfa_ticket: ticket, ...more }, headers });
}

async function ticketOf(app: MfaApp, more: object = {}, headers = {}): Promise<string> {
  return (await first(app, more, headers)).body.mfa_ticket;
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()) as Record<string, unknown>;

describe.each(adapters)('a sign-in with a second factor (%s)', (adapter) => {
  let app: MfaApp;
  beforeEach(async () => {
    app = await appWith(adapter);
  });
  afterEach(() => app.close());

  it('begins no session at the first step, and says how to go on', async () => {
    const answer = await first(app, { transport: 'cookie' });
    expect(answer).toMatchObject({
      status: 401,
      body: { error: 'mfa_required', methods: ['otp', 'hwk'], expires_in: 300 },
    });
    expect(Object.keys(answer.body).sort()).toEqual([
      'error',
      'error_description',
      'expires_in',
      'methods',
      'mfa_ticket',
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(cookiesSet(answer)).toEqual([]);
    expect(await app.service.list('user-alice')).toEqual([]);
    expect(app.events).toMatchObject([{ type: 'mfa_required', userId: 'user-alice' }]);
  });

  it('begins one session at the second step, with what both steps say', async () => {
    const ticket = await ticketOf(app, { client_id: 'ios', device_name: 'Phone', persistent: false });
    const answer = await second(app, ticket);
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.body.access_token)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'aal2', sub: 'user-alice' });
    expect(app.users.tried).toEqual([
      ['user-alice', expect.any(OtpDto), { methods: ['otp', 'hwk'], amr: ['pwd'], clientId: 'ios' }],
    ]);
    expect(await app.service.list('user-alice')).toMatchObject([{ clientId: 'ios', deviceName: 'Phone' }]);
    expect(app.events.filter(({ type }) => type === 'signed_in')).toHaveLength(1);
    expect((await refresh(app.url, answer.body.refresh_token)).status).toBe(200);
    expect(await second(app, ticket)).toMatchObject({ status: 401, body: { error: 'invalid_mfa_ticket' } });
    expect(app.users.tried).toHaveLength(1);
  });

  it('keeps the transport of the first step', async () => {
    const inCookie = await second(app, await ticketOf(app, { transport: 'cookie' }));
    expect(refreshCookie(inCookie)).toMatch(/^nrt_/);
    expect(inCookie.body).not.toHaveProperty('refresh_token');
    const ticket = await ticketOf(app, { transport: 'cookie' });
    const other = await second(app, ticket, { otp: '123456', transport: 'body' });
    expect(other).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    const foreign = await second(app, ticket, undefined, { 'sec-fetch-site': 'cross-site' });
    expect(foreign).toMatchObject({ status: 403, body: { error: 'forbidden' } });
    expect((await second(app, ticket, { otp: '123456', transport: 'cookie' })).status).toBe(200);
  });

  it('has a ticket for the longest names, tags and metadata', async () => {
    const name = '\u{1f600}'.repeat(255);
    const tags = Array.from({ length: 16 }, (_, index) => '\u{1f600}'.repeat(62) + String(index).padStart(2, '0'));
    app.users.firstTerms = { tags, metadata: { note: '\u6f22'.repeat(2036) } };
    const ticket = await ticketOf(app, { client_id: name, device_name: name });
    expect((await second(app, ticket)).status).toBe(200);
    expect((await app.service.list('user-alice'))[0]).toMatchObject({ clientId: name, deviceName: name, tags });
  });

  it('leaves users without a second factor alone', async () => {
    expect((await first(app, { username: 'bob', password: 'bob-password' })).status).toBe(200);
  });

  it('reveals nothing in the ticket', async () => {
    const ticket = await ticketOf(app);
    const bytes = Buffer.from(ticket.slice(5), 'base64url').toString('latin1');
    for (const text of ['alice', 'otp', 'body']) expect(bytes).not.toContain(text);
    expect(await ticketOf(app)).not.toBe(ticket);
  });

  it('survives typing errors, and no more than five', async () => {
    const ticket = await ticketOf(app);
    for (let count = 0; count < 4; count++) {
      expect(await second(app, ticket, { otp: '000000' })).toMatchObject({
        status: 401,
        body: { error: 'invalid_credentials' },
      });
    }
    const spare = await ticketOf(app);
    for (let count = 0; count < 5; count++) await second(app, spare, { otp: '000000' });
    expect((await second(app, spare)).body.error).toBe('invalid_mfa_ticket');
    expect((await second(app, ticket)).status).toBe(200);
    const failed = app.events
      .filter(({ type }) => type === 'sign_in_failed')
      .map(({ reason, userId }) => [reason, userId]);
    expect(failed).toEqual([
      ...Array<string[]>(9).fill(['mfa_failed', 'user-alice']),
      ['mfa_ticket_refused', 'user-alice'],
    ]);
  });

  it('does not count what is not valid', async () => {
    const ticket = await ticketOf(app);
    const bad: [object, string][] = [
      [{}, 'Not valid: otp.'],
      [{ otp: 'secret' }, 'Not valid: otp.'],
      [{ otp: '123456', scope: 'secret' }, 'Not known: scope.'],
      [{ otp: '123456', bind: 'nonce' }, 'Not known: bind.'],
      [{ otp: '123456', idempotency_key: 'short' }, 'Not valid: idempotency_key.'],
    ];
    for (const [more, error_description] of bad) {
      expect(await second(app, ticket, more)).toMatchObject({
        status: 400,
        body: { error: 'invalid_request', error_description },
      });
    }
    expect(app.users.tried).toEqual([]);
    expect((await second(app, ticket)).status).toBe(200);
  });

  it('refuses every ticket that it has not issued', async () => {
    const ticket = await ticketOf(app);
    const middle = ticket.length >> 1;
    const changed = ticket.slice(0, middle) + (ticket[middle] === 'A' ? 'B' : 'A') + ticket.slice(middle + 1);
    for (const forged of [
      changed,
      ticket.slice(0, -2),
      `${ticket}AAAA`,
      'nrtm_',
      `nrtm_${'A'.repeat(200)}`,
      'x'.repeat(16_000),
    ]) {
      expect(await second(app, forged)).toMatchObject({ status: 401, body: { error: 'invalid_mfa_ticket' } });
    }
    for (const malformed of ['', 7, null, [ticket], { ticket }, 'x'.repeat(32_769)]) {
      expect(await second(app, malformed)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
    expect(app.users.tried).toEqual([]);
  });

  it('refuses a ticket after its time, and one whose user has changed', async () => {
    const late = await ticketOf(app);
    app.clock.advance(300_000);
    expect((await second(app, late)).body.error).toBe('invalid_mfa_ticket');
    const ofOldPassword = await ticketOf(app);
    app.users.version = 2;
    expect((await second(app, ofOldPassword)).body.error).toBe('invalid_mfa_ticket');
    const ofDisabled = await ticketOf(app);
    app.users.disabled = true;
    expect((await second(app, ofDisabled)).body.error).toBe('invalid_mfa_ticket');
    expect(app.users.tried).toEqual([]);
  });

  it('keeps the ticket if the user provider fails', async () => {
    const ticket = await ticketOf(app);
    const { continueSignIn } = app.users;
    app.users.continueSignIn = () => Promise.reject(new Error('down'));
    expect((await second(app, ticket)).status).toBe(503);
    app.users.continueSignIn = continueSignIn;
    expect((await second(app, ticket)).status).toBe(200);
  });

  it('goes on only for the client that the first step has named', async () => {
    const ticket = await ticketOf(app, { client_id: 'web' });
    const other = await second(app, ticket, { otp: '123456', client_id: 'app' });
    expect(other).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect((await second(app, ticket, { otp: '123456', client_id: 'web' })).status).toBe(200);
  });

  it('goes on only with the key that the first step has proved', async () => {
    const device = async () => new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
    const [own, other] = [await device(), await device()];
    const continuing = '/auth/login/continue';
    const ticket = await ticketOf(app, {}, { dpop: await own.proof('POST', '/auth/login') });
    for (const headers of [{}, { dpop: await other.proof('POST', continuing) }]) {
      expect(await second(app, ticket, undefined, headers)).toMatchObject({
        status: 400,
        body: { error: 'invalid_dpop_proof' },
      });
    }
    const answer = await second(app, ticket, undefined, { dpop: await own.proof('POST', continuing) });
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    const unbound = await ticketOf(app);
    const headers = { dpop: await other.proof('POST', continuing) };
    expect((await second(app, unbound, undefined, headers)).body.error).toBe('invalid_dpop_proof');
    expect(app.users.tried).toHaveLength(1);
  });
});

describe('a second factor', () => {
  it.each(['postgres', 'mariadb'] as const)(
    'begins one session, however many requests race on two instances (%s)',
    async (name) => {
      const kind = databaseNamed(name);
      if (!kind.available) return;
      const database = await kind.create();
      const users = new MfaUsers();
      const [app, other] = [
        await appWith('express', { users, database }),
        await appWith('fastify', { users, database }),
      ];
      onTestFinished(async () => {
        await app.close();
        await other.close();
        await database.drop();
      });
      const ticket = await ticketOf(app);
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => second(index % 2 ? app : other, ticket)),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ body }) => body.error === 'invalid_mfa_ticket')).toHaveLength(11);
      expect(await app.service.list('user-alice')).toHaveLength(1);
      // Guesses that come together are bounded as well.
      users.tried.length = 0;
      const guessed = await ticketOf(other);
      await Promise.all(
        Array.from({ length: 12 }, (_, index) => second(index % 2 ? app : other, guessed, { otp: '000000' })),
      );
      expect(users.tried).toHaveLength(5);
    },
  );

  it('is throttled by its user, from all addresses together', async () => {
    const app = await appWith('express', { throttling: { mfaFailures: 3, loginFailuresOfAddress: 8 } });
    onTestFinished(() => app.close());
    const from = (ip: string) => ({ 'x-forwarded-for': ip });
    for (let count = 1; count <= 3; count++) {
      const ticket = await ticketOf(app, {}, from(`192.0.2.${count}`));
      expect((await second(app, ticket, { otp: '000000' }, from(`192.0.2.${count}`))).status).toBe(401);
    }
    expect((await second(app, await ticketOf(app), undefined, from('198.51.100.1'))).status).toBe(429);
    expect(app.events.filter(({ type }) => type === 'throttled')).toMatchObject([
      { reason: 'mfa', alert: true, userId: 'user-alice' },
    ]);
    for (let count = 0; count < 8; count++)
      expect((await second(app, 'nrtm_forged', undefined, from('203.0.113.1'))).status).toBe(401);
    expect((await second(app, 'nrtm_forged', undefined, from('203.0.113.1'))).status).toBe(429);
    app.clock.advance(61_000);
    const answer = await second(app, await ticketOf(app, { transport: 'cookie' }));
    expect(answer.status).toBe(200);
    expect(cookiesSet(answer).some(({ name }) => name.includes('device'))).toBe(true);
  });

  it('is judged by the risk rules again', async () => {
    const app = await appWith('express', {
      options: { risk: { rules: [new Geofence({ deny: ['203.0.113.0/24'] })] } },
    });
    onTestFinished(() => app.close());
    const answer = await second(app, await ticketOf(app), undefined, { 'x-forwarded-for': '203.0.113.7' });
    expect(answer).toMatchObject({ status: 403, body: { error: 'region_not_allowed' } });
    expect(app.users.tried).toEqual([]);
  });

  it('is checked for programs, too', async () => {
    const app = await appWith('express', { options: { refreshToken: { scopes: ['read'] } } });
    onTestFinished(() => app.close());
    const [signIn, continued] = [app.module.get(SignInService), app.module.get(SecondFactorService)];
    const error: unknown = await signIn
      .signIn('alice', 'alice-password', { scope: 'read' })
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'mfa_required', mfa: { methods: ['otp', 'hwk'], expiresIn: 300 } });
    const { ticket } = (error as { mfa: { ticket: string } }).mfa;
    await expect(continued.continueSignIn(ticket, { otp: '0' })).rejects.toMatchObject({ code: 'invalid_credentials' });
    expect(await continued.continueSignIn(ticket, { otp: '123456' })).toMatchObject({ scope: 'read' });
    await expect(signIn.signIn('alice', 'alice-password', { scope: 'write' })).rejects.toMatchObject({
      code: 'invalid_scope',
    });
  });

  it('reaches the client as an error that says how to go on', async () => {
    const app = await appWith('express');
    onTestFinished(() => app.close());
    let stored: unknown;
    const store = {
      load: () => stored as never,
      save: (value: unknown) => void (stored = value),
      clear: () => void (stored = undefined),
    };
    const client = createAuthClient({ baseUrl: app.url, store });
    const error: unknown = await client
      .login({ username: 'alice', password: 'alice-password' })
      .catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'mfa_required',
      status: 401,
      details: { methods: ['otp', 'hwk'], expires_in: 300 },
    });
    const { mfa_ticket } = (error as { details: { mfa_ticket: string } }).details;
    await expect(client.login({ mfa_ticket, otp: '000000' })).rejects.toMatchObject({ code: 'invalid_credentials' });
    await client.login({ mfa_ticket, otp: '123456' });
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
    client.close();
  });
});

describe('a second factor that is not configured right', () => {
  test('stops the start without continueSignIn', async () => {
    const booting = createAuthContext(await databaseNamed('sqljs').create(), { options: { mfaDto: OtpDto } });
    await expect(booting).rejects.toThrow(/userProvider has no continueSignIn\(id, secondFactor\)/);
  });

  test.each([
    [{ ticketTtl: '29s' }, /mfa\.ticketTtl.*'30s' and '1h'/],
    [{ ticketTtl: '2h' }, /mfa\.ticketTtl/],
    [{ attempts: 0 }, /mfa\.attempts.*1 and 20/],
    [{ attempts: 21 }, /mfa\.attempts/],
    [{ ttl: '5m' }, /mfa.*ttl/],
  ])('stops the start with %j', async (mfa, message) => {
    const booting = createAuthContext(await databaseNamed('sqljs').create(), { options: { mfa } as object });
    await expect(booting).rejects.toThrow(message);
  });

  test.each<[string, (users: MfaUsers) => void]>([
    ['no continueSignIn', (users) => Object.assign(users, { continueSignIn: undefined })],
    [
      'no methods',
      (users) =>
        Object.assign(users, { validateCredentials: async () => ({ mfaRequired: { user: { id: '1', roles: [] } } }) }),
    ],
    [
      'a wrong method',
      (users) =>
        Object.assign(users, {
          validateCredentials: async () => ({ mfaRequired: { user: { id: '1', roles: [] }, methods: ['a b'] } }),
        }),
    ],
    [
      'no user',
      (users) => Object.assign(users, { validateCredentials: async () => ({ mfaRequired: { methods: ['otp'] } }) }),
    ],
    ['nothing', (users) => Object.assign(users, { validateCredentials: async () => ({ mfaRequired: null }) })],
  ])('with %s, a login is a fault of the host, and begins no session', async (_, change) => {
    const users = new MfaUsers();
    change(users);
    const app = await appWith('express', { users, options: { mfaDto: undefined } });
    onTestFinished(() => app.close());
    expect(await first(app)).toMatchObject({ status: 500, body: { error: 'server_error' } });
    expect(await second(app, 'nrtm_x')).toMatchObject({ status: 404 });
  });
});
