import type { ClientContext } from '../common/request/client-context.js';

/** Who did something to sessions, and from where. The events tell it. */
export interface RevocationOrigin extends ClientContext {
  /**
   * The id of the administrator or the job that did it, if it was not the user. It appears in the events, and is stored
   * with them. At most 255 characters.
   */
  readonly actor?: string;
}

const LONGEST_ACTOR = 255;

/** @throws TypeError if `actor` cannot be stored */
export function withActor<Options extends RevocationOrigin>(options: Options): Options {
  const { actor } = options;
  const isText = typeof actor === 'string' && actor !== '' && actor.length <= LONGEST_ACTOR;
  if (actor === undefined || isText) return options;
  throw new TypeError(
    `actor must be a non-empty string of at most ${LONGEST_ACTOR} characters, for example a user id.`,
  );
}

/** From where alone. */
export function clientIn(origin: RevocationOrigin): ClientContext {
  const client: { actor?: string } & ClientContext = { ...origin };
  delete client.actor;
  return client;
}
