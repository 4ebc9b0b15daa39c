import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuthError, type AuthErrorCode, AuthModuleExtras } from 'nestjs-refresh-token';
import { ClientCertificateOptions, DpopOptions, FingerprintOptions } from 'nestjs-refresh-token/binding';
import type { AuthClientOptions } from 'nestjs-refresh-token/client';
import { MmdbGeoIpOptions } from 'nestjs-refresh-token/geoip';
import { AuthMetricsOptions } from 'nestjs-refresh-token/metrics';
import { AuthThrottlingOptions } from 'nestjs-refresh-token/throttling';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, test } from 'vitest';
import { PAGES, REFERENCE } from '../../scripts/reference.js';
import { WebhookOptions } from '../../src/auth/alerts/webhook-options.js';
import { CONFIGS } from '../../src/auth/auth-options.js';
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
  return String(value);
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
  fetch: undefined,
};

const DEFAULTS: [string, unknown][] = [
  ...CONFIGS.flatMap(({ group, Defaults }) => flat(new Defaults(), group && `${group}.`)),
  ...flat({ ...new AuthModuleExtras(), entity: RefreshToken }, ''),
  ...flat(new AuthThrottlingOptions(), 'AuthThrottlingModule: '),
  ...flat(new AuthMetricsOptions(), 'AuthMetricsModule: '),
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
  'redisRevocationChannel: url',
  'redisReplayStore: url',
  'redisThrottlerStorage: url',
];

/** Checks one option as the module does. */
function check(option: string, value: unknown): void {
  const Config = CONFIGS.find(({ group, names }) => option.startsWith(`${group}.`) || names.includes(option))!;
  const path = Config.group === '' ? option : option.slice(Config.group.length + 1);
  const given = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  new Config(given as object);
}

/** A bound, or the value one unit next to it, in the unit of the bound. */
function nextTo(bound: string, distance: -1 | 0 | 1): string | number {
  const [, number, unit] = /^([\d,]+)([a-z]*)$/.exec(bound)!;
  const value = Number(number.replaceAll(',', '')) + distance;
  return unit === '' ? value : `${value}${unit}`;
}

/** The bounds that a section states: "From `'1s'` to `'24h'`", "From 1 to 10,000". */
function bounds(text: string): [least: string, most: string] | undefined {
  const found = /From `?'?([\d,]+[a-z]*)'?`?[^.]*? to `?'?([\d,]+[a-z]*)/.exec(text.replace(/\s+/g, ' '));
  return found ? [found[1], found[2]] : undefined;
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

  test('states the bounds that are checked', () => {
    const bounded = DEFAULTS.filter(([name, value]) => {
      // Not those of other entry points. Those of a device depend on each other.
      if (name.includes(': ') || name.startsWith('binding.fingerprint.')) return false;
      return typeof value === 'number' || /^\d+(ms|s|m|h|d)$/.test(String(value)) || bounds(options.get(name)!);
    });
    expect(bounded.length).toBeGreaterThan(20);
    for (const [name] of bounded) {
      const stated = bounds(options.get(name)!);
      expect(stated, `${name} states no bounds`).toBeDefined();
      const [least, most] = stated!;
      for (const within of [nextTo(least, 0), nextTo(most, 0)]) {
        expect(() => check(name, within), `${name} ${within}`).not.toThrow();
      }
      for (const beyond of [nextTo(least, -1), nextTo(most, 1)]) {
        expect(() => check(name, beyond), `${name} ${beyond}`).toThrow(name);
      }
    }
  });

  test('has every error code, with the status of its answers', () => {
    const errors = sections('errors.md');
    for (const code of errors.keys()) {
      if (code === 'invalid_configuration') continue;
      expect(errors.get(code), code).toContain(`Status: ${new AuthError(code as AuthErrorCode).getStatus()}`);
      expect(errors.get(code), code).toContain('What to do:');
    }
  });

  test('says when each event happens', () => {
    for (const [type, text] of sections('events.md')) expect(text.trim(), type).toMatch(/^[`A-Z].*\./s);
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
