import { codesIn, isGraphql, isUnexecuted, resultsIn } from './graphql.js';
import { errorCodeIn, type HeadersLike, isJson } from './responses.js';

/** A request that was answered. */
export interface Asked {
  url: string;
  method: string;
  /** The body as it was given. */
  body: unknown;
  /** The body as text, if it can be read. */
  text(): Promise<string | undefined>;
}

export interface Answer {
  status: number;
  headers: HeadersLike;
  /** The JSON of the answer, which stays readable; `undefined` if it is not JSON. */
  json(): Promise<unknown>;
}

/** The refusal of an access token. */
export interface Refusal {
  /** Whether a new token is likely to be accepted, and the request was not executed. */
  isWorthRepeating: boolean;
}

/** Refusals after which a new token helps, or shows that the session has ended. */
const isRefusal = (code: unknown) => /^(invalid_token|token_(expired|stale|revoked))$/.test(String(code));

/**
 * Finds out whether the server has refused the access token. In GraphQL the refusal is in the body, with the status 200 or
 * any other. Other successes are not read.
 */
export async function refusalIn(asked: Asked, answer: Answer): Promise<Refusal | undefined> {
  const { status, headers } = answer;
  const isOperation = isGraphql(asked.url, asked.body, headers) && isJson(headers);
  if (status !== 401 && !isOperation) return undefined;
  const body = await answer.json();
  const results = isOperation ? resultsIn(body) : [];
  const codes = [...codesIn(results), status === 401 && errorCodeIn(body, headers)].filter(isRefusal);
  if (codes.length === 0) return undefined;
  const isOver = codes.includes('token_revoked');
  const isWorthRepeating =
    !isOver && (results.length === 0 || asked.method === 'GET' || isUnexecuted(results, await asked.text(), isRefusal));
  return { isWorthRepeating };
}
