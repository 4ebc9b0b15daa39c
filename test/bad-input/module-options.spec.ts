import { AuthConfigurationError, type AuthModuleOptions } from 'nestjs-refresh-token';
import { redisRevocationChannel, redisReplayStore } from 'nestjs-refresh-token/redis';
import { redisThrottlerStorage } from 'nestjs-refresh-token/throttling';
import { describe, expect, test } from 'vitest';
import { createAuthContext, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

/** As a host that does not use TypeScript, or reads its environment, may write them. */
type Options = Partial<Record<keyof AuthModuleOptions, unknown>>;

async function boot(options: Options): Promise<void> {
  const database = await databaseNamed('sqljs').create();
  const context = await createAuthContext(database, { options: options as Partial<AuthModuleOptions> });
  await context.close();
}

const HOW_TO_MAKE_ONE = 'openssl rand -base64 48';

const OTHER = SECRET.split('').reverse().join('');

const badSecrets: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['empty', ''],
  ['a number', 12345678901234567890],
  ['an empty list', []],
  ['a list with an empty one', [SECRET, '']],
  ['a list with a short one', [SECRET, 'short']],
  ['white space', '\n'],
  ['white space, long', ' '.repeat(64)],
  ['31 bytes', 'abcdefghijklmnopqrstuvwxyz01234'],
  ['32 times the same', 'x'.repeat(32)],
  ['four characters, often', 'abcd'.repeat(20)],
  ['bytes, all zero', Buffer.alloc(32)],
  ['an object', { secret: SECRET }],
];

/** A secret, and the name that the message gives to it. */
const untrimmedSecrets: [string, unknown, string][] = [
  ['a newline at its end', `${SECRET}\n`, 'secret'],
  ['the newline of Windows at its end', `${SECRET}\r\n`, 'secret'],
  ['a space at its end', `${SECRET} `, 'secret'],
  ['a space before it', ` ${SECRET}`, 'secret'],
  ['a tab at its end', `${SECRET}\t`, 'secret'],
  ['a no-break space at its end', `${SECRET}\u00a0`, 'secret'],
  ['the byte order mark of a file', `\ufeff${SECRET}`, 'secret'],
  ['a newline, in a list of one', [`${SECRET}\n`], 'secret'],
  ['a newline, as the older one of a list', [SECRET, `${OTHER}\n`], 'secret[1]'],
  ['a space, from a list of text', `${SECRET}, ${OTHER}`.split(','), 'secret[1]'],
  ['a newline, in a file read as bytes', Buffer.from(`${SECRET}\n`), 'secret'],
  ['a newline, in a file read as bytes, in a list', [Buffer.from(`${SECRET}\n`), OTHER], 'secret'],
  ['a newline, in a Uint8Array of text', new TextEncoder().encode(`${SECRET}ü\n`), 'secret'],
];

/** Option, value, and what the message must say besides the name of the option. */
const badOptions: [string, Options, RegExp][] = [
  ['accessToken.ttl', { accessToken: { ttl: '0s' } }, /between '1s' and '24h'/],
  ['accessToken.ttl', { accessToken: { ttl: '25h' } }, /between '1s' and '24h'/],
  ['accessToken.ttl', { accessToken: { ttl: '15' } }, /a number and a unit.*'15m'/],
  ['accessToken.ttl', { accessToken: { ttl: 900 } }, /a number and a unit.*'15m'/],
  ['accessToken.ttl', { accessToken: { ttl: '-15m' } }, /a number and a unit/],
  ['accessToken.ttl', { accessToken: { ttl: '1.5h' } }, /a number and a unit/],
  ['accessToken.ttl', { accessToken: { ttl: '15 m' } }, /a number and a unit/],
  ['accessToken.ttl', { accessToken: { ttl: '15M' } }, /a number and a unit/],
  ['accessToken.ttl', { accessToken: { ttl: null } }, /a number and a unit/],
  ['accessToken.ttl', { accessToken: { ttl: Infinity } }, /a number and a unit/],
  ['accessToken.jitter', { accessToken: { jitter: '13h' } }, /between '0s' and '12h'/],
  ['accessToken.jitter', { accessToken: { jitter: 0.1 } }, /a number and a unit.*'15m'/],
  ['accessToken.jitter', { accessToken: { jitter: '-1m' } }, /a number and a unit/],
  ['accessToken.jitter', { accessToken: { jitter: '451s' } }, /at most half of accessToken\.ttl, which is '15m'/],
  [
    'accessToken.jitter',
    { accessToken: { ttl: '1m', jitter: '31s' } },
    /at most half of accessToken\.ttl.*a longer ttl/,
  ],
  ['accessToken.clockTolerance', { accessToken: { clockTolerance: '61s' } }, /between '0s' and '60s'/],
  ['accessToken.issuer', { accessToken: { issuer: '' } }, /non-empty string/],
  ['accessToken.audience', { accessToken: { audience: ['a'] } }, /non-empty string/],
  ['accessToken.issuer', { accessToken: { issuer: 'https://auth.example\n' } }, /white space at its ends.*\.trim\(\)/],
  ['accessToken.issuer', { accessToken: { issuer: ' \n' } }, /non-empty string/],
  ['accessToken.audience', { accessToken: { audience: ' https://api.example' } }, /white space at its ends/],
  ['accessToken.cacheSize', { accessToken: { cacheSize: -1 } }, /between 0 and/],
  ['accessToken.cacheSize', { accessToken: { cacheSize: 1e9 } }, /between 0 and/],
  ['refreshToken.ttl', { refreshToken: { ttl: '0d' } }, /between '1s' and '400d'/],
  ['refreshToken.ttl', { refreshToken: { ttl: '401d' } }, /between '1s' and '400d'/],
  ['refreshToken.ttl', { refreshToken: { ttl: '999999999999d' } }, /a number and a unit/],
  ['refreshToken.ttl', { refreshToken: { ttl: Infinity } }, /a number and a unit/],
  ['refreshToken.ttl', { refreshToken: { ttl: 'forever' } }, /a number and a unit/],
  ['refreshToken.idleTtl', { refreshToken: { idleTtl: '0' } }, /between/],
  ['refreshToken.grace', { refreshToken: { grace: '61s' } }, /between '0s' and '60s'/],
  ['refreshToken.grace', { refreshToken: { grace: '1h' } }, /between '0s' and '60s'/],
  ['refreshToken.hasher', { refreshToken: { hasher: 'md5' } }, /'hmac-sha256', 'argon2id'/],
  ['refreshToken.hasher', { refreshToken: { hasher: { memoryCost: 8 } } }, /at least 1024/],
  ['refreshToken.hasher', { refreshToken: { hasher: null } }, /'hmac-sha256', 'argon2id'/],
  ['refreshToken.defaultTransport', { refreshToken: { defaultTransport: 'header' } }, /cookie, body/],
  ['refreshToken.defaultClientId', { refreshToken: { defaultClientId: '' } }, /non-empty string/],
  ['refreshToken.defaultClientId', { refreshToken: { defaultClientId: 'x'.repeat(256) } }, /255/],
  ['refreshToken.scopes', { refreshToken: { scopes: 'read write' } }, /array|list/],
  ['refreshToken.scopes', { refreshToken: { scopes: [5] } }, /array|list/],
  ['refreshToken.scopes', { refreshToken: { scopes: ['read', ' write'] } }, /white space at its ends/],
  ['refreshToken.scopes', { refreshToken: { scopes: ['read write'] } }, /a text of its own/],
  ['refreshToken.scopes', { refreshToken: { scopes: ['read"', 'write'] } }, /visible ASCII/],
  ['refreshToken.scopes', { refreshToken: { scopes: ['read\\'] } }, /visible ASCII/],
  ['refreshToken.scopes', { refreshToken: { scopes: ['lire:été'] } }, /visible ASCII/],
  ['refreshToken.scopes', { refreshToken: { scopes: null } }, /list/],
  ['refreshToken.stepUpToEndSessions', { refreshToken: { stepUpToEndSessions: true } }, /a number and a unit/],
  ['refreshToken.stepUpToEndSessions', { refreshToken: { stepUpToEndSessions: 600 } }, /a number and a unit/],
  ['refreshToken.stepUpToEndSessions', { refreshToken: { stepUpToEndSessions: '0s' } }, /between '1s' and '400d'/],
  ['refreshToken.defaultClientId', { refreshToken: { defaultClientId: 'web\r\n' } }, /white space at its ends/],
  ['cookie.name', { cookie: { name: '__Host-a\n' } }, /'__Host-/],
  ['cookie.clientNonceName', { cookie: { clientNonceName: ' __Host-a' } }, /'__Host-/],
  ['cookie.allowedOrigins', { cookie: { allowedOrigins: ['https://app.example\n'] } }, /white space at its ends/],
  ['binding.dpop.publicUrl', { binding: { dpop: { publicUrl: 'https://app.example\n' } } }, /white space at its ends/],
  ['binding.tls.header', { binding: { tls: { header: 'client-cert ' } } }, /white space at its ends/],
  ['binding.tls.trustedProxies', { binding: { tls: { trustedProxies: ['10.0.0.0/8\n'] } } }, /white space at its ends/],
  ['binding.allowed', { binding: { allowed: ['dpop '] } }, /white space at its ends/],
  ['cookie.name', { cookie: { name: 'refresh_token' } }, /'__Host-/],
  ['cookie.name', { cookie: { name: '__Host-a b;' } }, /'__Host-/],
  ['cookie.name', { cookie: { name: '__Host-' } }, /'__Host-/],
  ['cookie.allowedOrigins', { cookie: { allowedOrigins: ['*'] } }, /'https:\/\/app\.example'/],
  ['cookie.allowedOrigins', { cookie: { allowedOrigins: ['null'] } }, /'https:\/\/app\.example'/],
  ['cookie.allowedOrigins', { cookie: { allowedOrigins: ['https://app.example/'] } }, /'https:\/\/app\.example'/],
  ['cookie.allowedOrigins', { cookie: { allowedOrigins: ['app.example'] } }, /'https:\/\/app\.example'/],
  ['cookie.allowedOrigins', { cookie: { allowedOrigins: null } }, /'https:\/\/app\.example'/],
  ['purge.interval', { purge: { interval: '25d' } }, /between '0s' and '24d'/],
  ['purge.retention', { purge: { retention: '401d' } }, /between/],
  ['purge.batchSize', { purge: { batchSize: 0 } }, /between 1 and 10000/],
  ['purge.batchSize', { purge: { batchSize: 1.5 } }, /a whole number/],
  ['refreshToken.maxSessionsPerUser', { refreshToken: { maxSessionsPerUser: 0 } }, /between 1 and 10000/],
  ['refreshToken.maxSessionsPerUser', { refreshToken: { maxSessionsPerUser: '5' } }, /a whole number/],
  ['refreshToken.onTooManySessions', { refreshToken: { onTooManySessions: 'end_all' } }, /refuse, end_oldest/],
  ['cookie.clientNonceName', { cookie: { clientNonceName: 'client_nonce' } }, /'__Host-/],
  ['cookie.clientNonceName', { cookie: { clientNonceName: '__Host-refresh_token' } }, /its own name/],
  ['cookie.name', { cookie: { name: 'refresh_token', domain: 'example.com' } }, /'__Secure-/],
  ['cookie.name', { cookie: { name: '__Host-a', domain: 'example.com' } }, /'__Secure-.*remove the domain/],
  ['cookie.name', { cookie: { name: '__Host-a', secure: false } }, /'refresh_token'/],
  ['cookie.name', { cookie: { name: '__secure-a', secure: false } }, /'refresh_token'/],
  ['cookie.name', { cookie: { name: 'a b', secure: false } }, /letters, digits/],
  ['cookie.clientNonceName', { cookie: { clientNonceName: '__Host-a', domain: 'example.com' } }, /'__Secure-/],
  ['cookie.sameSite', { cookie: { sameSite: 'Lax' } }, /strict, lax, none/],
  ['cookie.sameSite', { cookie: { sameSite: false } }, /strict, lax, none/],
  ['cookie.sameSite', { cookie: { sameSite: 'none', secure: false } }, /needs cookie.secure.*'lax'/],
  ['cookie.domain', { cookie: { domain: 'https://example.com' } }, /no scheme/],
  ['cookie.domain', { cookie: { domain: 'example.com:3000' } }, /no port/],
  ['cookie.domain', { cookie: { domain: '.example.com' } }, /no dot at its ends/],
  ['cookie.domain', { cookie: { domain: 'example.com.' } }, /no dot at its ends/],
  ['cookie.domain', { cookie: { domain: 'Example.com' } }, /lower case/],
  ['cookie.domain', { cookie: { domain: 'exämple.com' } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: 'a_b.example.com' } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: 'example.com; Path=/x' } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: 'example.com\n' } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: '192.168.1.20' } }, /no address/],
  ['cookie.domain', { cookie: { domain: '[::1]' } }, /no address/],
  ['cookie.domain', { cookie: { domain: 'localhost' } }, /For localhost or an address, remove it/],
  ['cookie.domain', { cookie: { domain: 'com' } }, /at least two parts/],
  ['cookie.domain', { cookie: { domain: '' } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: 'co.uk' } }, /public suffix.*'example\.co\.uk'/],
  ['cookie.domain', { cookie: { domain: `${'a.'.repeat(126)}com` } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: 7 } }, /'example.com'/],
  ['cookie.domain', { cookie: { domain: null } }, /'example.com'/],
  ['cookie.secure', { cookie: { secure: 'false' } }, /true or false/],
  ['cookie.secure', { cookie: { secure: false }, requireTls: true }, /requireTls.*Remove one/],
  ['cookie.partitioned', { cookie: { partitioned: 1 } }, /true or false/],
  ['cookie.partitioned', { cookie: { partitioned: true } }, /needs cookie.sameSite: 'none'/],
  ['cookie.partitioned', { cookie: { partitioned: true, sameSite: 'lax' } }, /needs cookie.sameSite: 'none'/],
  ['cookie.accessToken', { cookie: { accessToken: 'yes' } }, /true, false or.*path/],
  ['cookie.accessToken', { cookie: { accessToken: null } }, /true, false or.*path/],
  ['cookie.accessToken', { cookie: { accessToken: { domain: 'a.b' } } }, /there is no option "domain"/],
  ['cookie.accessToken.name', { cookie: { accessToken: { name: 'access_token' } } }, /'__Host-/],
  ['cookie.accessToken.name', { cookie: { accessToken: { name: '__Host-a', path: '/app' } } }, /'__Secure-.*the path/],
  ['cookie.accessToken.name', { cookie: { accessToken: { name: '__Host-refresh_token' } } }, /its own name/],
  ['cookie.accessToken.name', { cookie: { accessToken: { name: '__Host-refresh_token_device' } } }, /its own name/],
  ['cookie.accessToken.path', { cookie: { accessToken: { path: 'app' } } }, /begins with a slash/],
  ['cookie.accessToken.path', { cookie: { accessToken: { path: '/a; Domain=b' } } }, /begins with a slash/],
  ['cookie.accessToken.path', { cookie: { accessToken: { path: `/${'a'.repeat(201)}` } } }, /at most 200/],
  ['binding.allowed', { binding: { allowed: ['fingerprint'] } }, /dpop, tls, nonce/],
  ['binding.allowed', { binding: { allowed: 'dpop' } }, /list/],
  ['binding.required', { binding: { allowed: ['nonce'], required: ['dpop'] } }, /binding.allowed/],
  ['binding.nonceAtResources', { binding: { nonceAtResources: 1 } }, /true or false/],
  ['binding.requiredFor', { binding: { requiredFor: ['dpop'] } }, /a function/],
  ['binding.dpop.algorithms', { binding: { dpop: { algorithms: ['HS256'] } } }, /asymmetric/],
  ['binding.dpop.algorithms', { binding: { dpop: { algorithms: ['none'] } } }, /asymmetric/],
  ['binding.dpop.algorithms', { binding: { dpop: { algorithms: [] } } }, /'ES256'/],
  ['binding.dpop.proofLifetime', { binding: { dpop: { proofLifetime: '1h' } } }, /between '5s' and '10m'/],
  ['binding.dpop.nonceLifetime', { binding: { dpop: { nonceLifetime: '0s' } } }, /between '10s' and '1d'/],
  ['binding.dpop.requireNonce', { binding: { dpop: { requireNonce: 'yes' } } }, /true or false/],
  ['binding.dpop.publicUrl', { binding: { dpop: { publicUrl: 'app.example' } } }, /'https:\/\/app\.example/],
  ['binding.dpop.publicUrl', { binding: { dpop: { publicUrl: 'https://app.example/?a' } } }, /'https:\/\/app\.example/],
  ['binding.dpop.publicUrl', { binding: { dpop: { publicUrl: 'https://a@app.example' } } }, /'https:\/\/app\.example/],
  ['binding.dpop.replayStore', { binding: { dpop: { replayStore: 'redis://localhost' } } }, /redisReplayStore/],
  ['binding.tls.trustedProxies', { binding: { tls: { trustedProxies: ['proxy.internal'] } } }, /'10\.0\.0\.0\/8'/],
  ['binding.tls.trustedProxies', { binding: { tls: { trustedProxies: ['10.0.0.0/33'] } } }, /10\.0\.0\.0\/33/],
  ['binding.tls.header', { binding: { tls: { header: '' } } }, /non-empty string/],
  ['binding.tls.appendingProxies', { binding: { tls: { appendingProxies: ['10.0.0.1'] } } }, /true or false/],
  ['binding.fingerprint', { binding: { fingerprint: { signal: {} } } }, /there is no option "signal"/],
  ['binding.fingerprint.signals', { binding: { fingerprint: { signals: {} } } }, /browserFamily/],
  ['binding.fingerprint.signals', { binding: { fingerprint: { signals: { device: 'x-device-id' } } } }, /functions/],
  ['binding.fingerprint.signals', { binding: { fingerprint: { signals: { 'a b': () => '' } } } }, /by name/],
  [
    'binding.fingerprint.tolerance',
    { binding: { fingerprint: { signals: { a: () => '' }, tolerance: 1 } } },
    /between 0 and 0/,
  ],
  [
    'binding.fingerprint.onMismatch',
    { binding: { fingerprint: { signals: { a: () => '' }, onMismatch: 'block' } } },
    /step_up/,
  ],
  ['revocation.delay', { revocation: { delay: '0s' } }, /between '100ms' and '10m'/],
  ['revocation.delay', { revocation: { delay: '1h' } }, /between '100ms' and '10m'/],
  ['revocation.onStale', { revocation: { onStale: 'guess' } }, /serve, refuse/],
  ['revocation.channel', { revocation: { channel: 'redis://127.0.0.1' } }, /redisRevocationChannel/],
  ['userProviderTimeout', { userProviderTimeout: '0s' }, /between '10ms' and '60s'/],
  ['userProviderTimeout', { userProviderTimeout: '1h' }, /between '10ms' and '60s'/],
  ['concurrentPasswordChecks', { concurrentPasswordChecks: 0 }, /a whole number between 1 and 10000/],
  ['concurrentPasswordChecks', { concurrentPasswordChecks: '4' }, /a whole number between 1 and 10000/],
  ['databaseTimeout', { databaseTimeout: '10ms' }, /between '100ms' and '60s'/],
  ['databaseTimeout', { databaseTimeout: '2m' }, /between '100ms' and '60s'/],
  ['requireTls', { requireTls: 'false' }, /true or false/],
  ['preparedStatements', { preparedStatements: 'no' }, /true or false/],
];

const unknownOptions: [string, Options][] = [
  ['refreshTokens', { refreshTokens: {} } as Options],
  ['expiresIn', { accessToken: { expiresIn: '15m' } }],
  ['gracePeriod', { refreshToken: { gracePeriod: '10s' } }],
  ['maxAge', { cookie: { maxAge: 60 } } as Options],
  ['every', { purge: { every: '1h' } }],
];

/** Each by itself when it is made. */
const redisUsers: [string, (given: never) => unknown][] = [
  ['redisRevocationChannel', redisRevocationChannel],
  ['redisReplayStore', redisReplayStore],
  ['redisThrottlerStorage', redisThrottlerStorage],
];

describe.each(redisUsers)('%s', (name, make) => {
  test.each([undefined, '', 'localhost:6379', 'http://:password@localhost:6379', 6379])(
    'is refused with the url %j, which is not told',
    (url) => {
      const made = () => make({ url } as never);
      expect(made).toThrow(AuthConfigurationError);
      expect(made).toThrow(`${name}: url must be a URL of Redis, for example 'redis://localhost:6379'.`);
    },
  );

  test.each(['redis://:canary@localhost:6379\n', ' redis://:canary@localhost:6379'])(
    'is refused with white space at the ends of the url %j, which is not told',
    (url) => {
      const made = () => make({ url } as never);
      expect(made).toThrow(`${name}: url has white space at its ends`);
      expect(made).not.toThrow('canary');
    },
  );

  test('is refused with white space at the ends of its name in Redis', () => {
    const option = make === redisRevocationChannel ? 'name' : 'prefix';
    const made = () => make({ url: 'redis://localhost', [option]: 'staff\n' } as never);
    expect(made).toThrow(`${name}: ${option} has white space at its ends`);
  });

  test('is refused with an option that there is not', () => {
    expect(() => make({ url: 'redis://localhost', host: 'x' } as never)).toThrow(`${name}: there is no option "host"`);
  });
});

describe('at boot', () => {
  test.each(badSecrets)('a secret that is %s is refused, with the command that makes a good one', async (_, secret) => {
    const refusal = expect.objectContaining({
      name: 'AuthConfigurationError',
      code: 'invalid_configuration',
      message: expect.stringContaining(HOW_TO_MAKE_ONE),
    });
    await expect(boot({ secret })).rejects.toEqual(refusal);
    if (typeof secret === 'string' && secret !== '') {
      await expect(boot({ secret })).rejects.not.toThrow(secret);
    }
  });

  test.each(untrimmedSecrets)('a secret with %s is refused, with how to read it', async (_, secret, name) => {
    const error: unknown = await boot({ secret }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthConfigurationError);
    expect((error as Error).message).toMatch(/^secret(\[\d\])? has white space at its ends.*readFileSync.*\.trim\(\)/);
    expect((error as Error).message.startsWith(`${name} has`)).toBe(true);
    for (const one of [SECRET, OTHER]) expect(String(error)).not.toContain(one);
  });

  test.each([
    ['bytes at random that end like a line', Buffer.from(`${'9f'.repeat(4)}${'00ff10e2'.repeat(8)}0a`, 'hex')],
    ['an older secret with a newline, as bytes', [SECRET, Buffer.from(`${OTHER}\n`)]],
    ['white space inside', `${SECRET} ${OTHER}`],
  ])('a secret of %s is accepted', async (_, secret) => {
    await boot({ secret });
  });

  test('the same secret twice is refused', async () => {
    await expect(boot({ secret: [SECRET, SECRET] })).rejects.toThrow(/twice. Remove one/);
  });

  test.each(badOptions)('%s of %j is refused, with what to write instead', async (name, options, fix) => {
    const error: unknown = await boot(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthConfigurationError);
    expect(String(error)).toContain(name);
    expect(String(error)).toMatch(fix);
  });

  test.each(unknownOptions)('%s, which is no option, is refused, with those that there are', async (name, options) => {
    const error: unknown = await boot(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthConfigurationError);
    expect(String(error)).toContain(`"${name}"`);
    const names = /The options are: ([\w, ]+)\./.exec(String(error))![1].split(', ');
    expect(names.length).toBeGreaterThan(1);
    expect(names).toEqual([...new Set(names)]);
  });

  test.each(['mfa', 'cookie', 'accessToken', 'refreshToken', 'audit', 'binding'] as const)(
    '%s that is no object is refused, with its options',
    async (group) => {
      for (const given of [true, 5, 'on', []]) {
        const failure = await boot({ [group]: given }).catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(AuthConfigurationError);
        expect((failure as Error).message).toMatch(new RegExp(`^${group} must be an object\\. Its options are: \\w+`));
      }
    },
  );

  test('the extremes that are allowed are allowed', async () => {
    await boot({
      secret: [SECRET, Buffer.from(SECRET).reverse()],
      accessToken: { ttl: '1s', jitter: '500ms', clockTolerance: '60s', cacheSize: 0 },
      refreshToken: { ttl: '400d', idleTtl: '400d', grace: '60s', hasher: { memoryCost: 1024, timeCost: 1 } },
      cookie: { allowedOrigins: ['https://app.example', 'http://localhost:3000'] },
      purge: { interval: '0', retention: '0s', batchSize: 10_000 },
      userProviderTimeout: '10ms',
      concurrentPasswordChecks: 10_000,
    });
  });
});
