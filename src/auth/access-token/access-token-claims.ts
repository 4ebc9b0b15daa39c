import { RESERVED_CLAIMS, type ReservedClaim } from '../user/checked-claims.js';
import type { AccessTokenClaims, AuthenticatedUser, Confirmation } from './authenticated-user.js';

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isName: Check = (value) => isText(value) && value !== '';
const isOptionalName: Check = (value) => value === undefined || isName(value);
const isTextList: Check = (value) => Array.isArray(value) && value.every(isText);
/** Seconds and generations: whole, and never negative. Every comparison with NaN or a text would be false. */
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

/** `iss` and `aud` are compared with the configured ones where the signature is verified. */
const CHECKS = {
  sub: isName,
  client_id: isText,
  iat: isCount,
  exp: isCount,
  jti: isName,
  auth_time: isCount,
  amr: (value) => value === undefined || isTextList(value),
  acr: isOptionalName,
  act: isActor,
  sid: isName,
  gen: isCount,
  scope: isText,
  roles: isTextList,
  permissions: isTextList,
  cnf: isConfirmation,
} satisfies Record<Exclude<keyof AccessTokenClaims, 'iss' | 'aud'>, Check> & Partial<Record<ReservedClaim, Check>>;

const ownClaims: ReadonlySet<string> = new Set(RESERVED_CLAIMS);
const NO_CLAIMS: Readonly<Record<string, unknown>> = Object.freeze({});

const CONFIRMATIONS: readonly string[] = ['jkt', 'x5t#S256', 'nonce#S256'] satisfies (keyof Confirmation)[];

/** A binding that is not understood must not count as none. */
function isConfirmation(cnf: unknown): boolean {
  if (cnf === undefined) return true;
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return false;
  const members = Object.entries(cnf);
  return members.length > 0 && members.every(([name, value]) => CONFIRMATIONS.includes(name) && isName(value));
}

/** Somebody who acts as the user, and is not understood, must not count as nobody. */
function isActor(act: unknown): boolean {
  if (act === undefined) return true;
  if (typeof act !== 'object' || act === null || Array.isArray(act)) return false;
  return Object.keys(act).length === 1 && isName((act as { sub?: unknown }).sub);
}

/** Whether a user that the code of a host passes has what the checks of a live token compare. */
export function isIdentified({ sessionId, generation, expiresAt }: AuthenticatedUser): boolean {
  return isName(sessionId) && isCount(generation) && isCount(expiresAt);
}

/**
 * The user of an access token, from its verified payload.
 *
 * @returns `undefined` if a claim is missing, or is not what `AccessTokenClaims` says
 */
export function userOf(payload: unknown): AuthenticatedUser | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  for (const [name, isRight] of Object.entries(CHECKS)) {
    if (!isRight((payload as Record<string, unknown>)[name])) return undefined;
  }
  const claims = payload as AccessTokenClaims;
  // Cached and shared by all requests with this token, so it must not be changed.
  return Object.freeze({
    id: claims.sub,
    roles: Object.freeze(claims.roles),
    permissions: Object.freeze(claims.permissions),
    sessionId: claims.sid,
    clientId: claims.client_id,
    scope: claims.scope,
    generation: claims.gen,
    expiresAt: claims.exp,
    authTime: claims.auth_time,
    amr: Object.freeze(claims.amr ?? []),
    acr: claims.acr,
    actor: claims.act && Object.freeze({ id: claims.act.sub }),
    claims: claimsOfHost(claims),
    confirmation: claims.cnf && Object.freeze(claims.cnf),
  });
}

/** What is left is the host's. */
function claimsOfHost(claims: AccessTokenClaims): Readonly<Record<string, unknown>> {
  const given = Object.entries(claims).filter(([name]) => !ownClaims.has(name));
  return given.length === 0 ? NO_CLAIMS : frozen(Object.fromEntries(given));
}

/** All that a payload can hold: values of JSON. */
function frozen<Value extends object>(value: Value): Readonly<Value> {
  for (const one of Object.values(value)) if (typeof one === 'object' && one !== null) frozen(one as object);
  return Object.freeze(value);
}
