import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import './built.js';
import { bearer, login, send } from './http.js';
import { copyStartedPglite } from './pglite-template.js';
import { root } from './root.js';

export const AUTH_SECRET = 'demo-test-Vb7nQ2xK9mW4pL8sT3yR6zC1';

/** Milliseconds. */
const START_TIMEOUT = 60_000;

export interface Refusal {
  code: number | null;
  output: string;
}

/** Starts the demo where it should refuse to, and waits until it has. It gets no other variables than these. */
export function refusedStart(env: Record<string, string>, cwd = root): Promise<Refusal> {
  const child = spawn(process.execPath, [join(root, 'dist/demo/main.js')], {
    cwd,
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: START_TIMEOUT,
    killSignal: 'SIGKILL',
  });
  let output = '';
  const collect = (text: string) => {
    output += text;
    // It has not refused.
    if (output.includes('The demo serves on')) child.kill('SIGKILL');
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', collect);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

/** Why the demo has not started, in its own words. */
export function saidLast(output: string): string | undefined {
  return output.split('\n').find((line) => line.startsWith('The demo cannot start: '));
}

/** A folder for an embedded database that is not there yet, removed with everything in it after the test. */
export function emptyFolder(cleanUp: (remove: () => void) => void = onTestFinished): string {
  const parent = mkdtempSync(join(tmpdir(), 'demo-'));
  cleanUp(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'database');
}

/** One that is there already, without a table in it: not everybody has to wait for a first start. */
export async function startedFolder(cleanUp?: (remove: () => void) => void): Promise<string> {
  const folder = emptyFolder(cleanUp);
  await copyStartedPglite(folder);
  return folder;
}

export interface DemoSession {
  refreshToken: string;
  accessToken: string;
}

/** A session of one of the demo's users. */
export async function signIn(url: string, username: string, password = `${username}-password`): Promise<DemoSession> {
  const { status, body } = await login(url, { username, password, transport: 'body' });
  if (status !== 200) throw new Error(`The login of ${username} was answered with ${status}.`);
  return { refreshToken: body.refresh_token, accessToken: body.access_token };
}

/** One request with an access token. */
export function as<Body = unknown>({ accessToken }: DemoSession, method: string, url: string, body?: unknown) {
  return send<Body>(method, url, { headers: bearer(accessToken), body });
}
