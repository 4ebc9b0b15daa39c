import { Transform, Type } from 'class-transformer';
import { IsEmail, IsIn, IsOptional, IsString, Length, Matches, MaxLength, ValidateNested } from 'class-validator';
import { type AuthUser, SignInService } from 'nestjs-refresh-token';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { adapters, type AuthApp, createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type AuthBody, type Answer, cookiesSet, refresh, send } from '../support/http.js';

class AssertionResponse {
  @IsString()
  @MaxLength(1024)
  signature: string;
}

class Assertion {
  @IsString()
  id: string;

  @ValidateNested()
  @Type(() => AssertionResponse)
  response: AssertionResponse;
}

class LoginDto {
  /** Would throw for what is no text. */
  @Transform(({ value }) => (value as string).trim().toLowerCase())
  @IsEmail()
  email: string;

  @IsOptional()
  @Length(1, 1024)
  password?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Assertion)
  assertion?: Assertion;

  /** Of the class alone; no client may send it. */
  readonly madeBy = 'the class';
}

class StepUpDto {
  @Matches(/^\d{6}$/)
  otp: string;
}

class PhoneDto {
  @IsString()
  phone: string;
}

const ALICE: AuthUser = { id: 'user-alice', roles: ['user'], credentialsVersion: 1 };
const SECRET_TEXT = 'Sesame-7f3c9a';

async function appWith(adapter: (typeof adapters)[number], throttling = {}): Promise<AuthApp> {
  const app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
    options: { loginDto: LoginDto, stepUpDto: StepUpDto },
    imports: [
      AuthThrottlingModule.forRoot({ loginFailures: 3, loginFailuresOfName: 5, stepUpFailures: 2, ...throttling }),
    ],
    trustProxy: 'loopback',
  });
  app.users.loadUser = async (id) => (id === ALICE.id ? ALICE : null);
  return app;
}

const right = { email: 'alice@example.com', password: 'alice-password', transport: 'body' };

for (const adapter of adapters) {
  describe(`a login with fields of the host (${adapter})`, () => {
    let app: AuthApp;
    let given: unknown[];
    let proofs: unknown[];
    beforeAll(async () => {
      app = await appWith(adapter, {
        loginFailures: 10_000,
        loginFailuresOfAddress: 10_000,
        loginFailuresOfName: 10_000,
      });
      const users = app.users as { validateCredentials: unknown; reauthenticate: unknown };
      users.validateCredentials = async (...credentials: [LoginDto]) => {
        given.push(...credentials);
        const [{ email, password, assertion }] = credentials;
        const isRight = password === 'alice-password' || assertion?.response.signature === 'right';
        return email === 'alice@example.com' && isRight ? ALICE : null;
      };
      users.reauthenticate = async (_id: string, proof: StepUpDto) => {
        proofs.push(proof);
        return proof.otp === '123456' ? { ...ALICE, sessionTerms: { amr: ['otp'] } } : null;
      };
    });
    beforeEach(() => {
      given = [];
      proofs = [];
    });
    afterAll(() => app.close());

    const login = (body: unknown, headers = {}): Promise<Answer<AuthBody>> =>
      send('POST', `${app.url}/auth/login`, { body, headers });

    it('hands the whole instance to the user provider, once, without the fields of the module', async () => {
      const answer = await login({
        ...right,
        email: ' Alice@Example.com ',
        client_id: 'web',
        idempotency_key: 'k'.repeat(16),
      });
      expect(answer.status).toBe(200);
      expect(given).toHaveLength(1);
      expect(given[0]).toBeInstanceOf(LoginDto);
      expect(given[0]).toEqual({ email: 'alice@example.com', password: 'alice-password', madeBy: 'the class' });
      const [session] = await app.service.list(ALICE.id);
      expect(session).toMatchObject({ clientId: 'web' });
      expect((await refresh(app.url, answer.body.refresh_token)).status).toBe(200);
    });

    it('takes nested fields, for example the assertion of a passkey', async () => {
      const assertion = { id: 'key', response: { signature: 'right' } };
      expect((await login({ email: right.email, assertion, transport: 'body' })).status).toBe(200);
      expect((given[0] as LoginDto).assertion!.response).toBeInstanceOf(AssertionResponse);
    });

    it('says nothing of the way of authentication that the host does not say', async () => {
      const { access_token: token } = (await login(right)).body;
      expect(JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())).not.toHaveProperty('amr');
    });

    const deep = (levels: number): unknown => (levels === 0 ? SECRET_TEXT : { a: deep(levels - 1) });
    const bad: [string, object, string | RegExp][] = [
      ['an unknown field', { ...right, remember: SECRET_TEXT }, 'Not known: remember.'],
      ['several unknown fields', { ...right, a: 1, b: 2 }, 'Not known: a, b.'],
      ['a username', { ...right, username: SECRET_TEXT }, 'Not known: username.'],
      ['a property of the class that has no decorator', { ...right, madeBy: SECRET_TEXT }, 'Not known: madeBy.'],
      ['a name with a line feed', { ...right, [`x\n${SECRET_TEXT}`]: 1 }, 'Not known: (a name that is not shown).'],
      ['a long name', { ...right, [SECRET_TEXT.repeat(9)]: 1 }, 'Not known: (a name that is not shown).'],
      ['no email', { password: 'x' }, /^Not valid: /],
      ['what is no email', { ...right, email: SECRET_TEXT }, 'Not valid: email.'],
      ['an email in a list', { ...right, email: [SECRET_TEXT] }, 'Not valid: email.'],
      ['a number for an email', { ...right, email: 7 }, 'Not valid: email.'],
      ['a query operator for an email', { ...right, email: { $ne: SECRET_TEXT } }, 'Not valid: email.'],
      ['NUL in the email', { ...right, email: `alice\0${SECRET_TEXT}` }, 'Not valid: email.'],
      ['an email of 256 characters', { ...right, email: 'a'.repeat(256) }, 'Not valid: email.'],
      ['a password in a list', { ...right, password: [SECRET_TEXT] }, 'Not valid: password.'],
      [
        'a nested field',
        { ...right, assertion: { id: 'key', response: {} } },
        'Not valid: assertion.response.signature.',
      ],
      [
        'an unknown nested field',
        { ...right, assertion: { id: 'key', extra: SECRET_TEXT, response: { signature: 'x' } } },
        'Not known: assertion.extra.',
      ],
      [
        'an unknown nested field with a strange name',
        { ...right, assertion: { id: 'key', [`"${SECRET_TEXT}`]: 1, response: { signature: 'x' } } },
        'Not known: assertion.(a name that is not shown).',
      ],
      ['text for a nested object', { ...right, assertion: SECRET_TEXT }, 'Not valid: assertion.'],
      ['a deep body', { ...right, assertion: deep(9) }, 'The body is nested over 8 levels deep: assertion.'],
      ['a very deep body', { ...right, assertion: deep(2_000) }, 'The body is nested over 8 levels deep: assertion.'],
      ['a list of 300', { ...right, assertion: Array(300).fill(SECRET_TEXT) }, 'The body has over 256 fields.'],
      ['a bad field of the module', { ...right, transport: SECRET_TEXT }, 'Not valid: transport.'],
    ];

    test.each(bad)('%s is an invalid request, which reaches no provider', async (_, body, text) => {
      const answer = await login(body);
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expect(answer.body.error_description).toMatch(text);
      expect(JSON.stringify(answer.body)).not.toContain(SECRET_TEXT);
      expect(given).toEqual([]);
    });

    test.each([
      `{"email":"alice@example.com","__proto__":{"password":"alice-password"}}`,
      `{"email":"alice@example.com","assertion":{"constructor":{"prototype":{"id":"x"}}}}`,
      `{"email":"alice@example.com","assertion":{"id":"x","response":{"signature":"x","__proto__":{"a":1}}}}`,
    ])('%s pollutes nothing', async (text) => {
      const headers = { 'content-type': 'application/json' };
      expect((await send('POST', `${app.url}/auth/login`, { headers, text })).status).toBe(400);
      expect({}).not.toHaveProperty('password');
      expect(given).toEqual([]);
    });

    test.each([undefined, [right]])('a body of %j is an invalid request', async (body) => {
      expect(await login(body)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    });

    it('steps up with fields of the host', async () => {
      const { refresh_token } = (await login(right)).body;
      const stepUp = (fields: object) =>
        send<AuthBody>('POST', `${app.url}/auth/step-up`, { body: { refresh_token, ...fields } });
      const refused: [object, string][] = [
        [{ otp: SECRET_TEXT }, 'Not valid: otp.'],
        [{ password: SECRET_TEXT }, 'Not known: password.'],
        [{}, 'Not valid: otp.'],
      ];
      for (const [fields, error_description] of refused) {
        expect(await stepUp(fields)).toMatchObject({
          status: 400,
          body: { error: 'invalid_request', error_description },
        });
      }
      expect(proofs).toEqual([]);
      expect((await stepUp({ otp: '000000' })).body.error).toBe('invalid_credentials');
      expect((await stepUp({ otp: '123456', client_id: 'default' })).status).toBe(200);
      expect(proofs[1]).toBeInstanceOf(StepUpDto);
    });

    it('keeps the name out of events, and tells accounts apart', async () => {
      app.events.length = 0;
      for (const email of ['bob@example.com', 'BOB@example.com', 'eve@example.com']) await login({ ...right, email });
      const [bob, sameBob, eve] = app.events.filter(({ type }) => type === 'sign_in_failed');
      expect(bob.account).toEqual(expect.any(String));
      expect(sameBob.account).toBe(bob.account);
      expect(eve.account).not.toBe(bob.account);
      expect(JSON.stringify(app.events)).not.toContain('@example.com');
    });

    it('lets programs sign in with what the provider takes', async () => {
      const signIn = app.module.get(SignInService);
      const { sessionId } = await signIn.signInWith({ ...right }, { accountName: right.email, clientId: 'cli' });
      expect(sessionId).toEqual(expect.any(String));
      expect(given).toHaveLength(1);
      await expect(signIn.signInWith({ email: 'eve@example.com' })).rejects.toMatchObject({
        code: 'invalid_credentials',
      });
    });
  });
}

describe('guesses at a login with fields of the host', () => {
  let app: AuthApp;
  beforeAll(async () => {
    app = await appWith('express');
    const users = app.users as { validateCredentials: unknown; reauthenticate: unknown };
    users.validateCredentials = async ({ email, password }: LoginDto) =>
      password === 'right' ? { ...ALICE, id: email === 'alice@example.com' ? ALICE.id : email } : null;
    users.reauthenticate = async () => null;
    app.users.loadUser = async (id) => ({ ...ALICE, id });
  });
  afterAll(() => app.close());

  const guess = (email: string, ip: string, more = {}) =>
    send<AuthBody>('POST', `${app.url}/auth/login`, {
      body: { email, password: 'wrong', transport: 'body', ...more },
      headers: { 'x-forwarded-for': ip },
    });

  it('are limited by the account, whatever its spelling', async () => {
    const spellings = ['carol@example.com', 'CAROL@example.com', ' ｃarol@example.com'];
    for (const email of spellings) expect((await guess(email, '192.0.2.1')).status).not.toBe(429);
    expect((await guess('carol@example.com', '192.0.2.1', { password: 'right' })).status).toBe(429);
    expect((await guess('dave@example.com', '192.0.2.1', { password: 'right' })).status).toBe(200);
    expect((await guess('carol@example.com', '198.51.100.1', { password: 'right' })).status).toBe(200);
  });

  it('from everywhere leave only devices that have signed in before', async () => {
    const known = await guess('erin@example.com', '192.0.2.2', { password: 'right' });
    const device = cookiesSet(known).find(({ name }) => name.includes('device'))!;
    const cookie = { cookie: `${device.name}=${device.value}` };
    for (let count = 0; count < 5; count++) await guess('erin@example.com', `203.0.113.${count + 1}`);
    expect((await guess('erin@example.com', '198.51.100.9', { password: 'right' })).status).toBe(429);
    const body = { email: 'erin@example.com', password: 'right', transport: 'body' };
    expect((await send('POST', `${app.url}/auth/login`, { body, headers: cookie })).status).toBe(200);
    // It is no key to another account.
    const other = { ...body, email: 'carol@example.com' };
    const answer = await send('POST', `${app.url}/auth/login`, {
      body: other,
      headers: { ...cookie, 'x-forwarded-for': '192.0.2.1' },
    });
    expect(answer.status).toBe(429);
  });

  it('at a step-up are limited by the session', async () => {
    const { refresh_token } = (await guess('frank@example.com', '192.0.2.3', { password: 'right' })).body;
    const stepUp = () => send('POST', `${app.url}/auth/step-up`, { body: { refresh_token, otp: '000000' } });
    const statuses = [await stepUp(), await stepUp(), await stepUp()].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 429]);
  });
});

describe('fields of a login that are not configured right', () => {
  class Undecorated {
    email: string;
  }
  class Reserved extends LoginDto {
    @IsIn(['mobile'])
    client_id: string;
  }
  class ReservedToken {
    @IsString()
    refresh_token: string;
  }

  test.each<[string, object, RegExp]>([
    [
      'a class without decorators',
      { loginDto: Undecorated },
      /loginDto must be a class .*class-validator, for example @IsEmail/,
    ],
    ['what is no class', { loginDto: { email: 'string' } }, /loginDto must be a class/],
    ['a step-up class without decorators', { stepUpDto: Undecorated }, /stepUpDto must be a class/],
    [
      'a reserved name',
      { loginDto: Reserved },
      /loginDto: the module itself reads the field client_id\. .*Reserved are: /,
    ],
    ['a reserved name of a step-up', { stepUpDto: ReservedToken }, /stepUpDto: .*refresh_token/],
    ['no field for the account', { loginDto: PhoneDto }, /neither username nor email.*accountFields: \['phone'\]/],
    [
      'an unknown account field',
      { loginDto: PhoneDto, accountFields: ['phon'] },
      /no property "phon".* It has: phone\./,
    ],
    [
      'account fields that are no list',
      { loginDto: PhoneDto, accountFields: 'phone' },
      /a list of at most 4 different fields/,
    ],
    ['the same account field twice', { loginDto: PhoneDto, accountFields: ['phone', 'phone'] }, /different fields/],
    ['account fields alone', { accountFields: ['phone'] }, /Add loginDto, or remove accountFields/],
    ['no routes', { loginDto: LoginDto, controllers: false }, /loginDto has no effect with controllers: false/],
    ['no routes for a step-up', { stepUpDto: StepUpDto, controllers: false }, /stepUpDto has no effect/],
  ])('%s: the application does not start', async (_, options, message) => {
    await expect(boot(options)).rejects.toThrow(message);
  });

  test('a stepUpDto that no method takes: the application does not start', async () => {
    const { users, ...context } = await createAuthContext(await databaseNamed('sqljs').create());
    await context.close();
    (users as { reauthenticate: unknown }).reauthenticate = undefined;
    const booting = createAuthContext(await databaseNamed('sqljs').create(), {
      users,
      options: { stepUpDto: StepUpDto },
    });
    await expect(booting).rejects.toThrow(/userProvider has no reauthenticate\(id, proof\)/);
  });

  test('another account field, or none, is fine', async () => {
    for (const accountFields of [['phone'], []]) await boot({ loginDto: PhoneDto, accountFields });
  });

  async function boot(options: object): Promise<void> {
    const context = await createAuthContext(await databaseNamed('sqljs').create(), { options });
    await context.close();
  }
});
