import { startDemo, type DemoProcess } from '../../test/support/demo-process.js';
import { ADAPTERS, type PerAdapter } from './adapters.js';

export interface Servers {
  /** The ports of the demo, without the rules, which would ask for a step-up after sixty refreshes, and without audit. */
  demo: PerAdapter<number>;
  /** The port of the demo that stores its events, on Fastify. */
  audited: number;
  /** The ports of the servers whose routes do nothing, on the compiled library too. */
  bare: PerAdapter<number>;
}

/** Starts all servers, each in a process of its own; what has been started is stopped by what goes into `leaving`. */
export async function startServers(databaseUrl: string, secret: string, leaving: Leaving): Promise<Servers> {
  const ports: Servers = { demo: { fastify: 0, express: 0 }, bare: { fastify: 0, express: 0 }, audited: 0 };
  for (const adapter of ADAPTERS) {
    const env = { HTTP_ADAPTER: adapter, DATABASE_URL: databaseUrl, AUTH_SECRET: secret };
    ports.demo[adapter] = portOf(await startDemo({ ...env, RISK_RULES: 'off', AUDIT: 'off' }), leaving);
    ports.bare[adapter] = portOf(await startBenchServer('bench/servers/bare-server.ts', env), leaving);
  }
  const audited = { HTTP_ADAPTER: 'fastify', DATABASE_URL: databaseUrl, AUTH_SECRET: secret, RISK_RULES: 'off' };
  ports.audited = portOf(await startDemo(audited), leaving);
  return ports;
}

/** Starts the server that binds sessions; its port. */
export async function startBoundServer(env: Record<string, string>, leaving: Leaving): Promise<number> {
  return portOf(await startBenchServer('bench/servers/bound-server.ts', env), leaving);
}

/** What is to be done at the end, the last first. */
export type Leaving = (() => Promise<unknown>)[];

function startBenchServer(script: string, env: Record<string, string>): Promise<DemoProcess> {
  // tsx compiles the server alone: by this configuration the library is the one in `dist`, as for the demo.
  const throughTsx = { NODE_OPTIONS: '--import tsx', TSX_TSCONFIG_PATH: 'bench/tsconfig.compiled.json' };
  return startDemo({ ...env, ...throughTsx }, { script });
}

function portOf(server: DemoProcess, leaving: Leaving): number {
  leaving.push(server.stop);
  return Number(new URL(server.url).port);
}
