import { HttpException, type Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { AuthError } from '../common/errors/auth-error.js';
import { declaredFields } from '../common/request/declared-fields.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { NAME } from './login.dto.js';

/** Fields and entries of lists in one body. The time that validation takes grows with the square of their number. */
const MOST_VALUES = 256;
/** Validating deeper input could exhaust the stack. */
const DEEPEST = 8;
/** Names in one answer. */
const MOST_NAMES = 8;
/** A name as programs write them. Anything else could be a secret in the wrong place, or break a log line. */
const PLAIN_NAME = /^[A-Za-z_$][\w$-]{0,63}$/;
/** `class-validator` finds the rules of an object by its constructor. */
const UNSAFE_NAMES = ['__proto__', 'constructor'];

type Fields = Record<string, unknown>;

/** The paths of invalid and of unknown fields. */
interface Faults {
  readonly invalid: string[];
  readonly unknown: string[];
}

/** Describes the class of a host, and which of the fields are the module's own. */
interface HostBody<T extends object> {
  readonly dto: Type<T>;
  readonly own: readonly string[];
  /** The fields that name the account. If they are sent, each is a text. */
  readonly accountFields?: readonly string[];
}

/**
 * The fields of the host in the body of an auth route, as a validated instance of its class. Errors name the fields, and
 * never contain a value.
 *
 * @throws AuthError `invalid_request`
 */
export async function hostBodyOf<T extends object>(
  { body }: HttpRequest,
  { dto, own, accountFields = [] }: HostBody<T>,
): Promise<T> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new AuthError('invalid_request');
  const fields = hostFields(body as Fields, declaredFields(dto), own);
  assertBounded(fields);
  const invalid = accountFields.filter((name) => !isNameOrOmitted(fields[name]));
  if (invalid.length > 0) throw refusal({ invalid, unknown: [] });
  const instance = converted(dto, fields);
  const errors = await validate(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (errors.length === 0) return instance;
  const faults: Faults = { invalid: [], unknown: [] };
  for (const error of errors) addFaults(faults, error, []);
  // What the class itself adds to its instances is not the fault of the client.
  const unknown = faults.unknown.filter((path) => isSent(fields, path.split('.')));
  if (faults.invalid.length + unknown.length > 0) throw refusal({ ...faults, unknown });
  return instance;
}

/** Without the module's own fields. In a form, their names may go on in brackets. */
function hostFields(body: Fields, declared: readonly string[], own: readonly string[]): Fields {
  const names = Object.keys(body).filter((name) => !own.includes(name.split('[', 1)[0]));
  const unknown = names.filter((name) => !declared.includes(name));
  if (unknown.length > 0) throw refusal({ invalid: [], unknown: unknown.slice(0, MOST_NAMES).map(shown) });
  return Object.fromEntries(names.map((name) => [name, body[name]]));
}

/** A loop, because a recursion could exhaust the stack. */
function assertBounded(fields: Fields): void {
  const open: [value: object, path: string[]][] = [[fields, []]];
  for (let values = 0; open.length > 0;) {
    const [value, path] = open.pop()!;
    const names = Object.keys(value);
    values += names.length;
    if (values > MOST_VALUES) throw new AuthError('invalid_request', `The body has over ${MOST_VALUES} fields.`);
    for (const name of names) {
      if (UNSAFE_NAMES.includes(name)) throw refusal({ invalid: [], unknown: [pathOf([...path, name])] });
      const nested = (value as Fields)[name];
      if (typeof nested !== 'object' || nested === null) continue;
      if (path.length + 1 === DEEPEST) {
        throw new AuthError('invalid_request', `The body is nested over ${DEEPEST} levels deep: ${pathOf([path[0]])}.`);
      }
      open.push([nested, [...path, name]]);
    }
  }
}

function isNameOrOmitted(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && NAME.test(value));
}

/** A `@Transform` of the host runs before the validation, so it gets values of any type. */
function converted<T extends object>(dto: Type<T>, fields: Fields): T {
  try {
    return plainToInstance(dto, fields);
  } catch (cause) {
    if (cause instanceof HttpException) throw cause;
    throw new AuthError('invalid_request', 'Not valid: a field has a wrong type.', { cause });
  }
}

function addFaults(faults: Faults, error: ValidationError, above: readonly string[]): void {
  const path = error.property === undefined ? above : [...above, error.property];
  const { whitelistValidation, ...others } = error.constraints ?? {};
  if (whitelistValidation !== undefined) faults.unknown.push(pathOf(path));
  if (Object.keys(others).length > 0) faults.invalid.push(pathOf(path));
  for (const child of error.children ?? []) addFaults(faults, child, path);
}

function isSent(fields: Fields, path: readonly string[]): boolean {
  let value: unknown = fields;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return false;
    if (!Object.hasOwn(value, name)) return name === UNNAMED;
    value = (value as Fields)[name];
  }
  return true;
}

const UNNAMED = '(a name that is not shown)';

function pathOf(names: readonly string[]): string {
  return names.map(shown).join('.');
}

function shown(name: string): string {
  return PLAIN_NAME.test(name) || /^\d{1,3}$/.test(name) ? name : UNNAMED;
}

function refusal({ invalid, unknown }: Faults): AuthError {
  const list = (paths: readonly string[]) => [...new Set(paths)].slice(0, MOST_NAMES).join(', ');
  const sentences = [
    ...(unknown.length > 0 ? [`Not known: ${list(unknown)}.`] : []),
    ...(invalid.length > 0 ? [`Not valid: ${list(invalid)}.`] : []),
  ];
  return new AuthError('invalid_request', sentences.join(' '));
}
