import { connect } from 'node:net';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';

/** A service that does not answer within this time, in milliseconds, counts as not there. */
const TIMEOUT = 3_000;

export async function postgresAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: TIMEOUT });
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function mariadbAnswers(url: string): Promise<boolean> {
  try {
    const connection = await createConnection({ uri: url, connectTimeout: TIMEOUT });
    await connection.query('SELECT 1');
    await connection.end();
    return true;
  } catch {
    return false;
  }
}

/** Asks without a client library: a server that wants a password first (`-NOAUTH`) is there as well. */
export async function redisAnswers(url: string): Promise<boolean> {
  if (!isUrl(url)) return false;
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) });
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(TIMEOUT, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (answer) => settle(/^(\+PONG|-NOAUTH)/.test(answer.toString())));
  });
}

/** The URL as it may be printed: without user, password and query, each of which can hold a secret. */
export function printable(url: string): string {
  if (!isUrl(url)) return 'an address that is not a URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** `localhost:6379` would parse too, as a scheme. */
function isUrl(url: string): boolean {
  return URL.canParse(url) && new URL(url).host !== '';
}
