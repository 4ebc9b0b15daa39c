import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { validateSync } from 'class-validator';
import { AuthError, type AuthErrorCode, type AuthEventType, AuthModuleExtras, tokenUseOf } from 'nestjs-refresh-token';
import { ClientCertificateOptions, DpopOptions, FingerprintOptions } from 'nestjs-refresh-token/binding';
import type { AuthClientOptions } from 'nestjs-refresh-token/client';
import { MmdbGeoIpOptions } from 'nestjs-refresh-token/geoip';
import { AuthMetricsOptions } from 'nestjs-refresh-token/metrics';
import { AuthOpenTelemetryOptions } from 'nestjs-refresh-token/opentelemetry';
import { AuthThrottlingOptions } from 'nestjs-refresh-token/throttling';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, test } from 'vitest';
import { PAGES, REFERENCE } from '../../scripts/reference.js';
import { WebhookConfig, WebhookOptions } from '../../src/auth/alerts/webhook-options.js';
import { CONFIGS } from '../../src/auth/auth-options.js';
import { AuthController } from '../../src/auth/http/auth.controller.js';
import { MfaController } from '../../src/auth/http/mfa.controller.js';
import { EventsController } from '../../src/auth/http/events.controller.js';
import { AuthLoginDto } from '../../src/auth/http/login.dto.js';
import { SessionsController } from '../../src/auth/http/sessions.controller.js';
import { MmdbGeoIpConfig } from '../../src/integrations/geoip/mmdb-geo-ip.js';
import { MetricsConfig } from '../../src/integrations/metrics/metrics-options.js';
import { OpenTelemetryConfig } from '../../src/integrations/opentelemetry/opentelemetry-options.js';
import { ThrottlingConfig } from '../../src/integrations/throttling/throttling-options.js';
import { resolveClientOptions } from '../../src/client/client-options.js';
import { root } from '../support/root.js';

const committed = Object.fromEntries(
  await Promise.all(
    Object.keys(PAGES).map(async (name) => [name, await readFile(join(root, REFERENCE, name), 'utf8')] as const),
  ),
);

/** The text below each heading of a page. */
function sections(page: string): Map<string, string> {
  const parts = committed[page].split(/^#{2,3} `(.+)`$/m).slice(1);
  return new Map(parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1]] as const] : [])));
}

const options = sections('options.md');

const NESTED: Record<string, new () => object> = {
  'binding.dpop': DpopOptions,
  'binding.tls': ClientCertificateOptions,
  'binding.fingerprint': FingerprintOptions,
};

/** Every option by its name in the reference, with its default. */
function flat(defaults: object, prefix: string): [string, unknown][] {
  return Object.entries(defaults).flatMap(([name, value]): [string, unknown][] => {
    const nested = NESTED[prefix + name];
    return nested ? flat(new nested(), `${prefix}${name}.`) : [[prefix + name, value]];
  });
}

/** As the reference writes a default. */
function written(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return value.name;
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(([name, member]) => `${name}: ${written(member)}`);
  return `{ ${members.join(', ')} }`;
}

const STORE = { load: () => null, save: () => undefined, clear: () => undefined };
const { timeout, restore, dpop } = resolveClientOptions({ baseUrl: 'https://api.example', store: STORE });
const OF_CLIENT: Record<keyof AuthClientOptions, unknown> = {
  baseUrl: undefined,
  authPath: 'auth',
  allowedOrigins: [],
  store: undefined,
  dpop,
  name: '',
  timeout,
  restore,
  claims: undefined,
  fetch: undefined,
};

const DEFAULTS: [string, unknown][] = [
  ...CONFIGS.flatMap(({ group, Defaults }) => flat(new Defaults(), group && `${group}.`)),
  ...flat({ ...new AuthModuleExtras(), entity: RefreshToken }, ''),
  ...flat(new AuthThrottlingOptions(), 'AuthThrottlingModule: '),
  ...flat(new AuthMetricsOptions(), 'AuthMetricsModule: '),
  ...flat(new AuthOpenTelemetryOptions(), 'AuthOpenTelemetryModule: '),
  ...flat(new WebhookOptions(), 'webhookAlerts: '),
  ...flat(new MmdbGeoIpOptions(), 'mmdbGeoIp: '),
  ...flat(OF_CLIENT, 'createAuthClient: '),
];
const REQUIRED = [
  'secret',
  'userProvider',
  'binding.fingerprint.signals',
  'webhookAlerts: url',
  'webhookAlerts: secret',
  'mmdbGeoIp: path',
];

/** Options of other entries that their checks need. */
const OTHERS: [string, (given: object) => unknown][] = [
  ['AuthThrottlingModule: ', (given) => new ThrottlingConfig(given)],
  ['AuthMetricsModule: ', (given) => new MetricsConfig(given)],
  ['AuthOpenTelemetryModule: ', (given) => new OpenTelemetryConfig(given)],
  [
    'webhookAlerts: ',
    (given) => new WebhookConfig({ url: 'https://alerts.example', secret: 'x'.repeat(24), ...given }),
  ],
  ['mmdbGeoIp: ', (given) => new MmdbGeoIpConfig({ path: './country.mmdb', ...given })],
  ['createAuthClient: ', (given) => resolveClientOptions({ baseUrl: 'https://api.example', store: STORE, ...given })],
];

/** Checks one option as the library does. */
function check(option: string, value: unknown): void {
  const other = OTHERS.find(([prefix]) => option.startsWith(prefix));
  if (other) return void other[1]({ [option.slice(other[0].length)]: value });
  const Config = CONFIGS.find(({ group, names }) => option.startsWith(`${group}.`) || names.includes(option))!;
  const path = Config.group === '' ? option : option.slice(Config.group.length + 1);
  const given = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  // Half of `ttl` bounds it, too.
  const besides = option === 'accessToken.jitter' ? { ttl: '24h' } : {};
  new Config({ ...besides, ...(given as object) });
}

/** The name of an option in the messages of its check. */
const inMessages = (option: string) => option.replace('createAuthClient: ', '');

/** A bound, or the value one unit next to it, in the unit of the bound. */
function nextTo(bound: string, distance: -1 | 0 | 1): string | number {
  const [, number, unit] = /^([\d,]+)([a-z]*)$/.exec(bound)!;
  const value = Number(number.replaceAll(',', '')) + distance;
  return unit === '' ? value : `${value}${unit}`;
}

/** The bounds that a section states: "from `'1s'` to `'24h'`", "From 1 to 10,000". */
function bounds(text: string): [least: string, most: string] | undefined {
  const found = /[Ff]rom `?'?([\d,]+[a-z]*)'?`? to `?'?([\d,]+[a-z]*)/.exec(text.replace(/\s+/g, ' '));
  return found ? [found[1], found[2]] : undefined;
}

/** The values that a section states: "Type: `'cookie'` or `'body'`". */
function values(text: string): string[] {
  const [, type = ''] = /^- Type: (`'[\s\S]*?)\n(?=-|\n)/m.exec(text) ?? [];
  return [...type.matchAll(/`'(\w+)'`(?: or|$)/g)].map(([, value]) => value);
}

/** The compiler says if one is missing here. */
const CODES: Record<AuthErrorCode, true> = {
  invalid_request: true,
  refresh_token_missing: true,
  invalid_dpop_proof: true,
  use_dpop_nonce: true,
  invalid_scope: true,
  invalid_credentials: true,
  mfa_required: true,
  invalid_mfa_ticket: true,
  invalid_grant: true,
  unauthorized: true,
  invalid_token: true,
  token_expired: true,
  token_revoked: true,
  token_stale: true,
  step_up_required: true,
  insufficient_user_authentication: true,
  insufficient_scope: true,
  session_limit: true,
  region_not_allowed: true,
  forbidden: true,
  https_required: true,
  not_found: true,
  superseded: true,
  too_many_requests: true,
  server_error: true,
  temporarily_unavailable: true,
};
const TYPES: Record<AuthEventType, true> = {
  signed_in: true,
  sign_in_failed: true,
  mfa_required: true,
  refreshed: true,
  refresh_repeated: true,
  refresh_denied: true,
  step_up_required: true,
  step_up_passed: true,
  step_up_failed: true,
  throttled: true,
  reuse_detected: true,
  token_shared: true,
  row_rolled_back: true,
  mass_reuse: true,
  binding_failed: true,
  device_changed: true,
  revoked: true,
  new_device: true,
  session_updated: true,
  permissions_changed: true,
  feed_stale: true,
  key_rotated: true,
  purged: true,
  user_forgotten: true,
};

/** The routes of a controller, as Nest knows them. */
function routesOf(controller: { prototype: object }): string[] {
  const base = Reflect.getMetadata('path', controller) as string;
  return Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
    if (name === 'constructor') return [];
    const handler = (controller.prototype as Record<string, object>)[name];
    const path = Reflect.getMetadata('path', handler) as string | undefined;
    if (path === undefined) return [];
    const method = RequestMethod[Reflect.getMetadata('method', handler) as number];
    return [`${method} /${[base, path].filter((part) => part !== '/').join('/')}`];
  });
}

describe('the reference', () => {
  test.each(Object.entries(PAGES))('%s is up to date; if it is not, run: npm run reference', async (name, page) => {
    expect(await page()).toBe(committed[name]);
  });

  test('has every option, with its default', () => {
    for (const [name, value] of DEFAULTS) {
      const text = options.get(name);
      expect(text, `${name} has no heading`).toBeDefined();
      if (value === undefined) continue;
      expect(text!.replace(/\s+/g, ' '), name).toContain(`Default: \`${written(value)}\``);
    }
    for (const name of REQUIRED) expect(options.get(name), name).toContain('it is required');
  });

  test.each([
    ['redisRevocationChannel', 'name', 'src/integrations/redis/redis-revocation-channel.ts'],
    ['redisReplayStore', 'prefix', 'src/integrations/redis/redis-replay-store.ts'],
    ['redisThrottlerStorage', 'prefix', 'src/integrations/throttling/redis-throttler-storage.ts'],
  ])('has the default of %s: %s', async (made, name, file) => {
    const source = await readFile(join(root, file), 'utf8');
    const [, value] = new RegExp(`redisOptions\\('${made}', \\{ ${name}: '([^']+)' \\}`).exec(source)!;
    expect(options.get(`${made}: ${name}`)!.replace(/\s+/g, ' ')).toContain(`Default: \`'${value}'\``);
  });

  test('states the bounds that are checked', () => {
    const bounded = DEFAULTS.filter(([name, value]) => {
      // The number of signals bounds it.
      if (name === 'binding.fingerprint.tolerance') return false;
      return typeof value === 'number' || /^\d+(ms|s|m|h|d)$/.test(String(value)) || bounds(options.get(name)!);
    }).filter(([name]) => name !== 'binding.fingerprint.signals');
    expect(bounded.length).toBeGreaterThan(35);
    for (const [name] of bounded) {
      const stated = bounds(options.get(name)!);
      expect(stated, `${name} states no bounds`).toBeDefined();
      const [least, most] = stated!;
      for (const within of [nextTo(least, 0), nextTo(most, 0)]) {
        expect(() => check(name, within), `${name} ${within}`).not.toThrow();
      }
      for (const beyond of [nextTo(least, -1), nextTo(most, 1)]) {
        expect(() => check(name, beyond), `${name} ${beyond}`).toThrow(inMessages(name));
      }
    }
  });

  test('states the values that are accepted', () => {
    const chosen = DEFAULTS.filter(([name]) => values(options.get(name)!).length > 1);
    expect(chosen.length).toBeGreaterThan(4);
    for (const [name] of chosen) {
      if (name.startsWith('binding.fingerprint.')) continue;
      for (const value of values(options.get(name)!)) expect(() => check(name, value), name).not.toThrow();
      expect(() => check(name, 'something else'), name).toThrow(name);
    }
  });

  test('has every error code, with the status and the text of its answers', () => {
    const errors = sections('errors.md');
    for (const code of Object.keys(CODES) as AuthErrorCode[]) {
      const error = new AuthError(code);
      const { error_description: text } = error.getResponse() as { error_description: string };
      const section = errors.get(code)?.replace(/\s+/g, ' ');
      expect(section, code).toContain(`Status: ${error.getStatus()}`);
      expect(section, code).toContain(`Text: "${text}"`);
      expect(section, code).toMatch(/Session: .*What to do: /);
    }
    for (const code of ['invalid_configuration', 'AuthClientError: temporarily_unavailable']) {
      expect([...errors.keys()]).toContain(code);
    }
  });

  test('says when each event happens', () => {
    const events = sections('events.md');
    for (const type of Object.keys(TYPES)) expect(events.get(type)?.trim(), type).toMatch(/^[`A-Z].*\./s);
  });

  test('has every route', () => {
    const routes = [AuthController, MfaController, SessionsController, EventsController].flatMap(routesOf);
    expect([...sections('http-api.md').keys()].sort()).toEqual(routes.sort());
  });

  test('states the lengths that a login checks', () => {
    const login = sections('http-api.md').get('POST /auth/login')!;
    const stated = [...login.matchAll(/^- `(\w+)` \(string[^)]*?(?:(\d+) to |at most )(\d+) characters/gm)];
    const names = ['username', 'password', 'client_id', 'device_name', 'scope', 'idempotency_key'];
    expect(stated.map(([, name]) => name)).toEqual(names);
    const keyProblems = (length: number) => {
      const request = { method: 'POST', url: '/', protocol: 'https', headers: {} };
      try {
        tokenUseOf({ ...request, body: { idempotency_key: 'x'.repeat(length) } });
        return [];
      } catch {
        return ['idempotency_key'];
      }
    };
    const problems = (name: string, length: number) => {
      if (name === 'idempotency_key') return keyProblems(length);
      const body = { username: 'alice', password: 'secret', [name]: 'x'.repeat(length) };
      return validateSync(Object.assign(new AuthLoginDto(), body)).map(({ property }) => property);
    };
    for (const [, name, least, most] of stated) {
      expect(problems(name, Number(most)), name).toEqual([]);
      expect(problems(name, Number(most) + 1), name).toEqual([name]);
      if (least !== undefined) expect(problems(name, Number(least) - 1), name).toEqual([name]);
    }
  });

  test('has every entry point of the package', async () => {
    const { exports, peerDependenciesMeta } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
      peerDependenciesMeta: Record<string, unknown>;
    };
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    expect([...sections('entry-points.md').keys()]).toEqual(
      entries.map((entry) => join('nestjs-refresh-token', entry)),
    );
    // Both are used only if they are installed.
    const unasked = ['@nestjs/event-emitter', 'typescript'];
    for (const name of Object.keys(peerDependenciesMeta).filter((peer) => !unasked.includes(peer))) {
      expect(committed['entry-points.md']).toContain(`\`${name}\``);
    }
  });
});
