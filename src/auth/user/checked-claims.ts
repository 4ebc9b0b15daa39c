/** The claims that the module sets itself, or that say something which only the module may say (RFC 7519, 9068, 8693). */
export const RESERVED_CLAIMS = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'auth_time',
  'acr',
  'amr',
  'act',
  'may_act',
  'azp',
  'client_id',
  'cnf',
  'scope',
  'sid',
  'gen',
  'roles',
  'permissions',
] as const;

export type ReservedClaim = (typeof RESERVED_CLAIMS)[number];

const reserved: ReadonlySet<string> = new Set(RESERVED_CLAIMS);
/** Would set the prototype of the payload where it is parsed carelessly. */
const UNSAFE = '__proto__';
/** Deeper claims could exhaust the stack. */
const DEEPEST = 8;

/** What is wrong with the claims of a user, as the end of a sentence; `undefined` if nothing is. It tells no value. */
export function wrongClaims(claims: unknown): string | undefined {
  if (claims === undefined) return undefined;
  if (!isPlainObject(claims)) return "is not a plain object. Write for example { tenant_id: 'acme' }, or leave it out";
  for (const [name, value] of Object.entries(claims)) {
    if (reserved.has(name) || name === UNSAFE) {
      return `has the name ${JSON.stringify(name)}, which the token uses itself. Choose another name`;
    }
    if (value !== undefined && !isJson(value, DEEPEST)) {
      return `has a value under ${JSON.stringify(name.slice(0, 64))} that JSON cannot carry. Convert it to text or a number`;
    }
  }
  return undefined;
}

/** A class instance, for example a `Date`, would come out as something else than went in. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (depth === 0) return false;
  if (Array.isArray(value)) return Array.from(value as unknown[]).every((one) => isJson(one, depth - 1));
  if (!isPlainObject(value)) return false;
  return Object.entries(value).every(([name, one]) => name !== UNSAFE && isJson(one, depth - 1));
}
