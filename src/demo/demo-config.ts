import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';

/** The demo is configured by environment variables alone; see the README for their meaning. */
export interface DemoConfig {
  port: number;
  httpAdapter: 'express' | 'fastify';
  /** A URL of PostgreSQL, MySQL or MariaDB, or the folder of the embedded database. */
  database: string;
  secret: string;
  /** Whose `X-Forwarded-*` headers count: names or ranges of addresses, comma-separated. */
  trustProxy: string[] | undefined;
  /** In which such a proxy names the client's certificate. */
  clientCertificateHeader: string | undefined;
  /** Whether DPoP proofs must carry a nonce of the server. */
  dpopNonce: boolean;
  /** Countries, and whatever else `Geofence` takes. */
  geofenceAllow: string[] | undefined;
  geofenceDeny: string[] | undefined;
  /** Whether refreshes are judged by the demo's rules. */
  riskRules: boolean;
  /** GeoIP databases in the MaxMind DB format. */
  geoIpDatabase: string[] | undefined;
  /** Whether events are stored. */
  audit: boolean;
  redisUrl: string | undefined;
  accessTokenTtl: string | undefined;
  refreshTokenTtl: string | undefined;
  refreshIdleTtl: string | undefined;
  refreshGrace: string | undefined;
  revocationDelay: string | undefined;
}

const SERVER_URL = /^(postgres|postgresql|mysql|mariadb):\/\//;

export function isServerUrl(database: string): boolean {
  return SERVER_URL.test(database);
}

export function readDatabase(env: NodeJS.ProcessEnv): string {
  const database = env.DATABASE_URL || '.demo/database';
  if (/^(?!file:)[a-z]+:\/\//i.test(database) && !isServerUrl(database)) {
    throw new Error('DATABASE_URL has an unknown scheme. Write postgres://…, mysql://… or the path of a folder.');
  }
  return isServerUrl(database) ? database : resolve(database.replace(/^file:(\/\/)?/, ''));
}

export function readConfig(env: NodeJS.ProcessEnv): DemoConfig {
  const database = readDatabase(env);
  return {
    port: portOf(env.PORT || '3000'),
    httpAdapter: adapterOf(env.HTTP_ADAPTER || 'express'),
    database,
    secret: env.AUTH_SECRET || secretBeside(database),
    trustProxy: proxiesOf(env.TRUST_PROXY),
    clientCertificateHeader: env.CLIENT_CERTIFICATE_HEADER || undefined,
    dpopNonce: nonceOf(env.DPOP_NONCE || 'off'),
    geofenceAllow: listOf(env.GEOFENCE_ALLOW)?.map(countryOrElse),
    geofenceDeny: listOf(env.GEOFENCE_DENY)?.map(countryOrElse),
    riskRules: isOn('RISK_RULES', env.RISK_RULES),
    geoIpDatabase: listOf(env.GEOIP_DATABASE),
    audit: isOn('AUDIT', env.AUDIT),
    redisUrl: env.REDIS_URL || undefined,
    accessTokenTtl: env.ACCESS_TOKEN_TTL || undefined,
    refreshTokenTtl: env.REFRESH_TOKEN_TTL || undefined,
    refreshIdleTtl: env.REFRESH_IDLE_TTL || undefined,
    refreshGrace: env.REFRESH_GRACE || undefined,
    revocationDelay: env.REVOCATION_DELAY || undefined,
  };
}

function listOf(text = ''): string[] | undefined {
  const list = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return list.length === 0 ? undefined : list;
}

function proxiesOf(text: string | undefined): string[] | undefined {
  const list = text === 'none' ? undefined : listOf(text);
  if (list?.some((entry) => !isAddressOrRange(entry))) {
    throw new Error(`TRUST_PROXY is '${text}'. Write none, loopback, or addresses and ranges such as 10.0.0.0/8.`);
  }
  return list;
}

/** As Express and Fastify both know them; of a number or a name of theirs they make different things. */
function isAddressOrRange(entry: string): boolean {
  if (/^(loopback|linklocal|uniquelocal)$/.test(entry)) return true;
  const [address, prefix = '0', ...more] = entry.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)]!;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest && more.length === 0;
}

/** `de` is a country as well as `DE`; ranges and names of them stay as they are. */
function countryOrElse(entry: string): string {
  return /^[a-z]{2}(-[a-z0-9]{1,3})?$/i.test(entry) ? entry.toUpperCase() : entry;
}

function isOn(name: string, text = ''): boolean {
  if (text === 'off') return false;
  if (text === 'on' || text === '') return true;
  throw new Error(`${name} is '${text}'. Write on or off.`);
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`PORT is '${text}'. Write a port number.`);
  return port;
}

function adapterOf(text: string): DemoConfig['httpAdapter'] {
  if (text === 'express' || text === 'fastify') return text;
  throw new Error(`HTTP_ADAPTER is '${text}'. Write express or fastify.`);
}

function nonceOf(text: string): boolean {
  if (text === 'required' || text === 'off') return text === 'required';
  throw new Error(`DPOP_NONCE is '${text}'. Write required or off.`);
}

/** The embedded database has its secret in a file beside it, made at the first start. */
function secretBeside(database: string): string {
  if (isServerUrl(database)) {
    throw new Error('AUTH_SECRET is missing. Several processes on one database share it: openssl rand -base64 48');
  }
  const file = `${database}.secret`;
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(file, randomBytes(48).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8');
}
