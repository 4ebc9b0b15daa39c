import { type HeadersLike, parsed } from './responses.js';

/** The part of an answer that the client reads (GraphQL §7.1). */
interface Result {
  data?: Record<string, unknown> | null;
  errors?: FieldError[];
}

interface Operation {
  query?: unknown;
}

interface FieldError {
  path?: unknown[];
  locations?: { line: number; column: number }[];
  extensions?: { code?: unknown };
}

/** Whether this may be the answer to a GraphQL operation. It is asked for every answer, so nothing is parsed. */
export function isGraphql(url: string, body: unknown, headers: HeadersLike): boolean {
  return (
    /\/graphql\/?([?#]|$)/.test(url) ||
    /graphql-response\+json/.test(headers.get('content-type') ?? '') ||
    (typeof body === 'string' && /^\s*[[{]/.test(body) && body.includes('"query"'))
  );
}

/** The results in an answer. A batch has several. */
export function resultsIn(answer: unknown): Result[] {
  const list: unknown[] = Array.isArray(answer) ? answer : [answer];
  return list.map((one) => Object(one) as Result);
}

export function codesIn(results: Result[]): unknown[] {
  return results.flatMap(({ errors = [] }) => errors.map(({ extensions }) => extensions?.code));
}

/**
 * Whether an operation can be sent again, because it changes nothing, or because no part of it was executed.
 *
 * @param body the body of the request; unknown if it cannot be read
 * @param isRefusal whether a code is the reason why the operation is sent again
 */
export function isUnexecuted(
  results: Result[],
  body: string | undefined,
  isRefusal: (code: unknown) => boolean,
): boolean {
  // Refused before its execution began.
  if (results.every((result) => !('data' in result))) return true;
  const operations = parsed<Operation | Operation[]>(body) ?? [];
  const queries = ([] as Operation[]).concat(operations).map(({ query }) => query);
  // A persisted operation may be a mutation.
  if (queries.length === 0 || !queries.every((query) => typeof query === 'string')) return false;
  if (!queries.some((query) => /\bmutation\b/.test(query))) return true;
  return queries.length === 1 && results.every((result) => isMutationRefused(result, queries[0], isRefusal));
}

/** Whether no field of a mutation was executed. Its fields are executed one after the other. */
function isMutationRefused(
  { data, errors = [] }: Result,
  query: string,
  isRefusal: (code: unknown) => boolean,
): boolean {
  const refused = errors.filter(({ path, extensions }) => path?.length === 1 && isRefusal(extensions?.code));
  if (data) {
    return Object.keys(data).every((field) => data[field] === null && refused.some(({ path }) => path![0] === field));
  }
  // A field that may not be null hides what the others returned. Nothing was executed before the first one.
  return errors.length === 1 && refused.length === 1 && isFirst(refused[0], query);
}

function isFirst({ locations: [at] = [] }: FieldError, query: string): boolean {
  if (!at) return false;
  const before = query.split('\n').slice(0, at.line);
  before.push(before.pop()!.slice(0, at.column - 1));
  // Only the operation's own brace may be before it: a fragment may have been executed.
  return /^[^{}]*\{[\s,]*$/.test(before.join('\n'));
}
