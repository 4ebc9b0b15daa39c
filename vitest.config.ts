import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // The tests import the library by its package name, as a host does, and get the sources. Exact matches only: an
    // entry point that the package does not export must not resolve here either.
    alias: [
      { find: /^nestjs-refresh-token$/, replacement: source('./src/auth/index.ts') },
      { find: /^nestjs-refresh-token\/binding$/, replacement: source('./src/auth/binding/index.ts') },
      { find: /^nestjs-refresh-token\/client$/, replacement: source('./src/client/index.ts') },
      { find: /^nestjs-refresh-token\/client\/axios$/, replacement: source('./src/client/axios/index.ts') },
      { find: /^nestjs-refresh-token\/client\/dpop$/, replacement: source('./src/client/dpop/index.ts') },
      { find: /^nestjs-refresh-token\/geoip$/, replacement: source('./src/integrations/geoip/index.ts') },
      { find: /^nestjs-refresh-token\/health$/, replacement: source('./src/integrations/health/index.ts') },
      { find: /^nestjs-refresh-token\/metrics$/, replacement: source('./src/integrations/metrics/index.ts') },
      { find: /^nestjs-refresh-token\/throttling$/, replacement: source('./src/integrations/throttling/index.ts') },
      { find: /^nestjs-refresh-token\/openapi$/, replacement: source('./src/integrations/openapi/index.ts') },
      {
        find: /^nestjs-refresh-token\/opentelemetry$/,
        replacement: source('./src/integrations/opentelemetry/index.ts'),
      },
      { find: /^nestjs-refresh-token\/pglite$/, replacement: source('./src/pglite/index.ts') },
      { find: /^nestjs-refresh-token\/react$/, replacement: source('./src/client/react/index.ts') },
      { find: /^nestjs-refresh-token\/redis$/, replacement: source('./src/integrations/redis/index.ts') },
      { find: /^nestjs-refresh-token\/risk$/, replacement: source('./src/auth/risk/index.ts') },
      { find: /^nestjs-refresh-token\/sockets$/, replacement: source('./src/auth/sockets/index.ts') },
      { find: /^nestjs-refresh-token\/testing$/, replacement: source('./src/integrations/testing/index.ts') },
      { find: /^nestjs-refresh-token\/typeorm$/, replacement: source('./src/auth/typeorm.ts') },
    ],
  },
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // One process imports Nest and TypeORM once, for all of its files.
    isolate: false,
    // New objects get 64 MB before they are collected, instead of 16. It saves a sixth of the processor.
    execArgv: ['--max-semi-space-size=64'],
    // One more than a small machine has cores: a third of its time, a test waits for a database or for a moment to come.
    maxWorkers: 3,
    // What runs side by side in one file waits for time to pass.
    maxConcurrency: 10,
    // What a test waits for comes at once, unless the machine is busy: these are for what hangs. Hooks install packages,
    // and remove folders with tens of thousands of files.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    coverage: { include: ['src/**/*.ts'] },
  },
});
