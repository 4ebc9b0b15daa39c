import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/demo/demo-config.js';
import { root } from '../support/root.js';

interface Service {
  build?: string;
  image?: string;
  ports?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: object;
}

const text = (path: string) => readFile(join(root, path), 'utf8');
const dockerfile = (await text('Dockerfile')).replace(/\\\n\s*/g, '');
const instructions = (name: string) =>
  [...dockerfile.matchAll(new RegExp(`^\\s*${name} (.+)$`, 'gm'))].map(([, rest]) => rest);
const compose = parse(await text('compose.yaml')) as { services: Record<string, Service>; volumes: object };

// This machine may have no Docker. The continuous integration runs the same commands: `npm ci` and `npm run build`.
describe('the Dockerfile', () => {
  test('copies files that exist', () => {
    const sources = instructions('COPY').flatMap((rest) => rest.split(' ').slice(0, -1));
    expect(sources).toContain('package-lock.json');
    for (const source of sources) expect(existsSync(join(root, source)), source).toBe(true);
  });

  test('runs scripts that exist, on a version of Node.js that the package supports', async () => {
    const { scripts, engines } = JSON.parse(await text('package.json')) as Record<string, Record<string, string>>;
    const used = [...dockerfile.matchAll(/npm run (\w+)/g)].map(([, script]) => script);
    expect(used).toEqual(['build']);
    for (const script of used) expect(scripts).toHaveProperty(script);
    expect(engines.node).toBe('>=20.19');
    expect(instructions('FROM')).toEqual([expect.stringMatching(/^node:2\d-bookworm-slim$/)]);
  });

  test('starts Node.js itself, as a user without privileges', () => {
    const [command] = instructions('CMD')
      .slice(-1)
      .map((rest) => JSON.parse(rest) as string[]);
    expect(command).toEqual(['node', 'dist/demo/main.js']);
    expect(existsSync(join(root, 'src/demo/main.ts'))).toBe(true);
    expect(instructions('USER')).toEqual(['node']);
  });

  test('checks the health of the demo', async () => {
    const [check] = instructions('HEALTHCHECK');
    const port = /PORT=(\d+)/.exec(dockerfile)![1];
    expect(check).toContain(`http://127.0.0.1:${port}/health/ready`);
    expect(await text('src/demo/http/health.controller.ts')).toContain("@Controller('health')");
  });
});

describe('the compose file', () => {
  test('gives the demo an environment that it accepts', () => {
    const { environment = {}, ports } = compose.services.app;
    const config = readConfig({ ...environment, AUTH_SECRET: 'x'.repeat(32) });
    expect(config).toMatchObject({
      database: environment.DATABASE_URL,
      redisUrls: [environment.REDIS_URL],
      port: 3000,
    });
    expect(ports).toEqual(['3000:3000']);
    expect(environment.AUTH_SECRET).toMatch(/^\$\{AUTH_SECRET:\?/);
  });

  test('names services and volumes that exist', () => {
    const { services, volumes } = compose;
    for (const { depends_on: needed = {}, build, image } of Object.values(services)) {
      expect(build ?? image).toBeDefined();
      for (const [name, { condition }] of Object.entries(needed)) {
        expect(services).toHaveProperty(name);
        if (condition === 'service_healthy') expect(services[name].healthcheck).toBeDefined();
      }
    }
    const hosts = [services.app.environment!.DATABASE_URL, services.app.environment!.REDIS_URL];
    for (const url of hosts) expect(Object.keys(services)).toContain(new URL(url).hostname);
    expect(Object.keys(volumes)).toEqual(['database']);
  });
});
