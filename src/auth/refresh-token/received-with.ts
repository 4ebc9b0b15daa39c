import { LAST_GENERATION } from './refresh-rule.js';
import type { ReceivedWith } from './token-use.js';

/** A key of a use: 16 to 64 URL-safe characters. */
export const USE_KEY = /^[A-Za-z0-9_-]{16,64}$/;

const MOST_KEYS = 16;
/** Characters of a claim as JSON text. 16 keys of 64 characters need 1,200. */
const LONGEST_TEXT = 4096;
const NAME = 'received_with';
/** The names of a claim in a form whose parser leaves the brackets alone. */
const PART = /^received_with\[(?:(generation)\]|(keys)\](?:\[\d{0,2}\])?)$/;

/** Says that a claim is malformed. */
export const MALFORMED = Symbol('malformed');

type Fields = Record<string, unknown>;

/** The claim of a JSON body: `{ generation, keys }`, or nothing. */
export function claimInJson(body: Fields): ReceivedWith | undefined | typeof MALFORMED {
  const claim = Object.hasOwn(body, NAME) ? body[NAME] : undefined;
  return claim === undefined || claim === null ? undefined : checked(claim);
}

/**
 * The claim of a form. It is JSON text, or in brackets: `received_with[generation]=4&received_with[keys][]=…`. The
 * parser of Express makes objects of brackets. That of Fastify leaves them in the names.
 */
export function claimInForm(body: Fields): ReceivedWith | undefined | typeof MALFORMED {
  const whole = Object.hasOwn(body, NAME) ? body[NAME] : undefined;
  const parts = Object.keys(body).filter((name) => name.startsWith(`${NAME}[`));
  // An empty parameter counts as omitted (RFC 6749 §3.2).
  const isOmitted = whole === undefined || whole === '';
  if (parts.length > 0) return isOmitted ? claimInBrackets(nested(body, parts)) : MALFORMED;
  if (isOmitted) return undefined;
  return typeof whole === 'string' ? claimInText(whole) : claimInBrackets(whole);
}

function claimInText(text: string): ReceivedWith | typeof MALFORMED {
  if (text.length > LONGEST_TEXT) return MALFORMED;
  try {
    return checked(JSON.parse(text));
  } catch {
    return MALFORMED;
  }
}

/** In brackets, a number is text, and a single key need not be in a list. */
function claimInBrackets(claim: unknown): ReceivedWith | typeof MALFORMED {
  if (!isClaim(claim)) return MALFORMED;
  const { generation, keys } = claim;
  const number = typeof generation === 'string' && /^\d{1,10}$/.test(generation) ? Number(generation) : undefined;
  return checked({ generation: number, keys: typeof keys === 'string' ? [keys] : keys });
}

/** What the names with brackets stand for. */
function nested(body: Fields, parts: string[]): unknown {
  const claim: Fields = {};
  for (const name of parts) {
    const [, generation, keys] = PART.exec(name) ?? [];
    if (generation) claim.generation = body[name];
    else if (keys) claim.keys = [claim.keys ?? [], body[name]].flat();
    else return undefined;
  }
  return claim;
}

function checked(claim: unknown): ReceivedWith | typeof MALFORMED {
  if (!isClaim(claim)) return MALFORMED;
  const { generation, keys } = claim;
  if (!Number.isInteger(generation) || (generation as number) < 0 || (generation as number) > LAST_GENERATION) {
    return MALFORMED;
  }
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > MOST_KEYS) return MALFORMED;
  if (!keys.every((key): key is string => typeof key === 'string' && USE_KEY.test(key))) return MALFORMED;
  return { generation: generation as number, keys: [...keys] };
}

/** Whether it is an object with these two members of its own, and no other. */
function isClaim(claim: unknown): claim is Record<'generation' | 'keys', unknown> {
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) return false;
  return Object.keys(claim).length === 2 && Object.hasOwn(claim, 'generation') && Object.hasOwn(claim, 'keys');
}
