import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AuthModuleExtras } from 'nestjs-refresh-token';
import { ClientCertificateOptions, DpopOptions, FingerprintOptions } from 'nestjs-refresh-token/binding';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import type { AuthClientOptions } from 'nestjs-refresh-token/client';
import { MmdbGeoIpOptions } from 'nestjs-refresh-token/geoip';
import { AuthMetricsOptions } from 'nestjs-refresh-token/metrics';
import { AuthThrottlingOptions } from 'nestjs-refresh-token/throttling';
import { describe, expect, test } from 'vitest';
import { WebhookOptions } from '../../src/auth/alerts/webhook-options.js';
import { CONFIGS } from '../../src/auth/auth-options.js';
import { resolveClientOptions } from '../../src/client/client-options.js';
import { root } from '../support/packed.js';

interface Row {
  option: string;
  type: string;
  default: string;
}

const readme = await readFile(join(root, 'README.md'), 'utf8');

/** The first table behind a heading that has such a first column. */
function tableOf(heading: string, firstColumn: string): string[][] {
  const lines = readme.slice(readme.indexOf(`\n${heading}\n`)).split('\n');
  const start = lines.findIndex((line) => cellsOf(line)[0] === firstColumn);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  if (start === -1) throw new Error(`The README has no table of '${firstColumn}' below '${heading}'.`);
  return lines.slice(start + 2, end).map(cellsOf);
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
const bare = (cell: string) => cell.replace(/^`|`$/g, '');
const rowOf = ([option, type, given]: string[]): Row => ({ option: bare(option), type, default: given });

/** Every option by its path, with its default. */
function flat(options: object, path: string): [string, unknown][] {
  return Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
    const nested = NESTED[path + name];
    return nested ? flat(new nested(), `${path}${name}.`) : [[path + name, value]];
  });
}
const NESTED: Record<string, new () => object> = {
  'binding.dpop': DpopOptions,
  'binding.tls': ClientCertificateOptions,
  'binding.fingerprint': FingerprintOptions,
};

/** As a table writes it. */
function written(value: unknown): string {
  if (typeof value === 'string') return `\`'${value}'\``;
  if (typeof value === 'function') return `\`${value.name}\``;
  if (Array.isArray(value)) return `\`[${value.map((one) => `'${one}'`).join(', ')}]\``;
  return `\`${String(value)}\``;
}

function expectDefaults(described: Row[], defaults: [string, unknown][]): void {
  expect(described.map(({ option }) => option).sort()).toEqual(defaults.map(([option]) => option).sort());
  for (const [option, value] of defaults) {
    const cell = described.find((row) => row.option === option)!.default;
    // What has no default of its own is told in words.
    if (value === undefined) expect(cell, option).toMatch(/^\w/);
    else expect(cell, option).toBe(written(value));
  }
}

/** Checks one option as the module does. */
function check(option: string, value: unknown): void {
  const Config = CONFIGS.find(({ group, names }) => option.startsWith(`${group}.`) || names.includes(option))!;
  const path = Config.group === '' ? option : option.slice(Config.group.length + 1);
  const given = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
  new Config(given as object);
}

/** A bound, or what is one unit off it: of a duration the unit in which it is written. */
function besides(bound: string, distance: -1 | 0 | 1): string | number {
  const [, number, unit] = /^([\d,]+)([a-z]*)$/.exec(bound)!;
  const value = Number(number.replaceAll(',', '')) + distance;
  return unit === '' ? value : `${value}${unit}`;
}

const CLIENT = '### Call it from a browser, or from anywhere else';
const STORE = { load: () => null, save: () => undefined, clear: () => undefined };

/** Those that have no default: a class does not know of them. */
const required = (...names: string[]) => names.map((name): [string, unknown] => [name, undefined]);

describe('the tables of the README', () => {
  test('name every option, with its default', () => {
    const defaults = CONFIGS.flatMap(({ group, Defaults }) => flat(new Defaults(), group && `${group}.`));
    expectDefaults(tableOf('## Options', 'option').map(rowOf), [
      ...defaults,
      ...required('secret', 'binding.fingerprint.signals'),
    ]);
  });

  test('name what is given beside the options, with its default', () => {
    const extras = { ...new AuthModuleExtras(), entity: RefreshToken };
    expectDefaults(tableOf('## Options', 'extra').map(rowOf), Object.entries(extras));
  });

  test('name the options of the other entries, with their defaults', () => {
    const entries: [string, object, string[]][] = [
      ['AuthThrottlingModule.forRoot', new AuthThrottlingOptions(), []],
      ['AuthMetricsModule.forRoot', new AuthMetricsOptions(), []],
      ['webhookAlerts', new WebhookOptions(), ['url', 'secret']],
      ['mmdbGeoIp', new MmdbGeoIpOptions(), ['path']],
    ];
    const described = tableOf('## Options', 'given to');
    for (const [entry, options, names] of entries) {
      const own = described.filter(([given]) => bare(given) === entry);
      expectDefaults(
        own.map((cells) => rowOf(cells.slice(1))),
        [...Object.entries(options), ...required(...names)],
      );
    }
  });

  test('name the options of the client, with their defaults', () => {
    const { timeout, restore, dpop } = resolveClientOptions({ baseUrl: 'https://api.example', store: STORE });
    const defaults: Record<keyof AuthClientOptions, unknown> = {
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
    expectDefaults(tableOf(CLIENT, 'option').map(rowOf), Object.entries(defaults));
  });

  test('name every entry, and what it needs', async () => {
    const { exports, peerDependenciesMeta } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
      peerDependenciesMeta: Record<string, unknown>;
    };
    const described = tableOf('## What it runs on', 'entry');
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    expect(described.map(([entry]) => bare(entry))).toEqual(
      entries.map((entry) => join('nestjs-refresh-token', entry)),
    );
    // These two are used where they are there.
    const unasked = ['@nestjs/event-emitter', 'typescript'];
    for (const name of Object.keys(peerDependenciesMeta).filter((peer) => !unasked.includes(peer))) {
      expect(JSON.stringify(described)).toContain(`\`${name}\``);
    }
  });

  test('state the bounds that are checked', () => {
    const bounded = tableOf('## Options', 'option')
      .map(rowOf)
      .flatMap(({ option, type }) => {
        const [, least, most] = /([\d,]+[a-z]*)`?–`?([\d,]+[a-z]*)/.exec(type) ?? [];
        return most === undefined ? [] : [{ option, least, most }];
      });
    expect(bounded.length).toBeGreaterThan(20);
    for (const { option, least, most } of bounded) {
      for (const within of [besides(least, 0), besides(most, 0)]) {
        expect(() => check(option, within), `${option} ${within}`).not.toThrow();
      }
      for (const beyond of [besides(least, -1), besides(most, 1)]) {
        expect(() => check(option, beyond), `${option} ${beyond}`).toThrow(option);
      }
    }
  });
});
