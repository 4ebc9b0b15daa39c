import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { RefreshTokenOptions } from 'nestjs-refresh-token';
import { lateAnswersOf } from './late-answers.js';
import { madeSecret, refuseMadeSecret } from './made-secret.js';

/** The demo's configuration, from environment variables. The documentation explains them. */
export interface DemoConfig {
  port: number;
  /** Whether plain HTTP, known passwords and the API documentation are off. */
  production: boolean;
  /** The password of the demo's users. */
  password: string | undefined;
  httpAdapter: 'express' | 'fastify';
  /** A URL of PostgreSQL, MySQL or MariaDB, or the folder of the embedded database. */
  database: string;
  secret: string;
  /** The proxies whose `X-Forwarded-*` headers count. */
  trustProxy: string[] | undefined;
  /** The header in which such a proxy sends the client's certificate. */
  clientCertificateHeader: string | undefined;
  /** Whether DPoP proofs must contain a nonce from the server. */
  dpopNonce: boolean;
  /** Countries and any other entries of `Geofence`. */
  geofenceAllow: string[] | undefined;
  geofenceDeny: string[] | undefined;
  /** Whether the demo's risk rules are on. */
  riskRules: boolean;
  /** GeoIP databases in the MaxMind DB format. */
  geoIpDatabase: string[] | undefined;
  /** Whether events are stored. */
  audit: boolean;
  /** One: a lone server. Several: nodes of a cluster. */
  redisUrls: string[] | undefined;
  accessTokenTtl: string | undefined;
  refreshTokenTtl: string | undefined;
  refreshIdleTtl: string | undefined;
  refreshGrace: string | undefined;
  lateAnswers: RefreshTokenOptions['lateAnswers'];
  revocationDelay: string | undefined;
  drainTimeout: string | undefined;
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
    production: env.NODE_ENV === 'production',
    password: passwordOf(env.DEMO_PASSWORD),
    httpAdapter: adapterOf(env.HTTP_ADAPTER || 'express'),
    database,
    secret: secretOf(env, database),
    trustProxy: proxiesOf(env.TRUST_PROXY),
    clientCertificateHeader: env.CLIENT_CERTIFICATE_HEADER || undefined,
    dpopNonce: nonceOf(env.DPOP_NONCE || 'off'),
    geofenceAllow: listOf(env.GEOFENCE_ALLOW)?.map(countryOrElse),
    geofenceDeny: listOf(env.GEOFENCE_DENY)?.map(countryOrElse),
    riskRules: isOn('RISK_RULES', env.RISK_RULES),
    geoIpDatabase: listOf(env.GEOIP_DATABASE),
    audit: isOn('AUDIT', env.AUDIT),
    redisUrls: listOf(env.REDIS_URL),
    accessTokenTtl: env.ACCESS_TOKEN_TTL || undefined,
    refreshTokenTtl: env.REFRESH_TOKEN_TTL || undefined,
    refreshIdleTtl: env.REFRESH_IDLE_TTL || undefined,
    refreshGrace: env.REFRESH_GRACE || undefined,
    lateAnswers: lateAnswersOf(env.LATE_ANSWERS || '1/1d'),
    revocationDelay: env.REVOCATION_DELAY || undefined,
    drainTimeout: env.DRAIN_TIMEOUT || undefined,
  };
}

function secretOf({ AUTH_SECRET: given, NODE_ENV }: NodeJS.ProcessEnv, database: string): string {
  if (isServerUrl(database)) {
    if (given) return given;
    throw new Error(
      'AUTH_SECRET is missing. All processes on one database need the same secret. Create one: openssl rand -base64 48',
    );
  }
  const production = NODE_ENV === 'production';
  if (!given) return madeSecret(database, production);
  if (production) refuseMadeSecret(given, database);
  return given;
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
    throw new Error(`TRUST_PROXY is '${text}'. Write none, loopback, or addresses and ranges, for example 10.0.0.0/8.`);
  }
  return list;
}

/** Only what Express and Fastify both understand. They interpret numbers and some names differently. */
function isAddressOrRange(entry: string): boolean {
  if (/^(loopback|linklocal|uniquelocal)$/.test(entry)) return true;
  const [address, prefix = '0', ...more] = entry.split('/');
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)]!;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= longest && more.length === 0;
}

/** Accepts `de` for `DE`. Ranges and their names stay as they are. */
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

/** As long as NIST SP 800-63B-4 asks of a password that is the only factor. */
function passwordOf(text: string | undefined): string | undefined {
  if (!text || text.length >= 15) return text || undefined;
  throw new Error('DEMO_PASSWORD is too short. Write at least 15 characters.');
}

function adapterOf(text: string): DemoConfig['httpAdapter'] {
  if (text === 'express' || text === 'fastify') return text;
  throw new Error(`HTTP_ADAPTER is '${text}'. Write express or fastify.`);
}

function nonceOf(text: string): boolean {
  if (text === 'required' || text === 'off') return text === 'required';
  throw new Error(`DPOP_NONCE is '${text}'. Write required or off.`);
}
