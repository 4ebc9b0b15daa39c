import type { AuthClient } from './client.js';
import { pause } from './dom.js';
import type { Happening } from './happening.js';
import { happenings } from './story-stream.js';

/** Milliseconds before the first reconnection, and the longest such pause. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

export interface StoryListener {
  /** From this time on (the server's clock) no event is missed. */
  begun(at: number): void;
  happened(happening: Happening): void;
  /** Whether to reconnect after the connection breaks. */
  isWanted(): boolean;
}

type Message =
  | { type: 'begun'; at: number }
  | { type: 'happened'; happening: Happening }
  /** Asks whether a different tab already listens. */
  | { type: 'ask' }
  /** A tab listens, and this is the server's time. */
  | { type: 'goes_on'; at: number };

/**
 * Reports the events of a session in all tabs, until the signal aborts. One tab listens to the server and forwards the
 * events. Over HTTP/1.1 a browser has only six connections to a server, and each listener would hold one.
 */
export async function hearStory(
  client: AuthClient,
  sessionId: string,
  listener: StoryListener,
  signal: AbortSignal,
): Promise<void> {
  const name = `story of ${sessionId}`;
  const channel = new BroadcastChannel(name);
  let heard = false;
  /** How many milliseconds the server's clock is ahead, if this tab listens. */
  let ahead: number | undefined;

  const hear = (message: Message): void => {
    if (message.type === 'happened') return listener.happened(message.happening);
    if (message.type === 'ask') {
      if (ahead !== undefined) post({ type: 'goes_on', at: Date.now() + ahead });
      return;
    }
    if (message.type === 'goes_on' && heard) return;
    heard = true;
    listener.begun(message.at);
  };
  const post = (message: Message) => channel.postMessage(message);
  const tell = (message: Message) => {
    if (signal.aborted) return;
    post(message);
    hear(message);
  };
  channel.onmessage = ({ data }) => hear(data as Message);
  post({ type: 'ask' });

  const listen = async () => {
    let wait = PAUSE;
    while (!signal.aborted && listener.isWanted()) {
      let begun = false;
      try {
        const onBegun = (at: number) => {
          begun = true;
          wait = PAUSE;
          ahead = at - Date.now();
          tell({ type: 'begun', at });
        };
        for await (const happening of happenings(client, signal, onBegun)) tell({ type: 'happened', happening });
        // The server ends the stream when the access token ends. There may be a new token.
        if (!begun) throw new Error('The story ended before it began.');
      } catch {
        await pause(wait, signal);
        wait = Math.min(2 * wait, LONGEST_PAUSE);
      }
    }
  };
  const over = new Promise((resolve) => signal.addEventListener('abort', resolve));
  try {
    await navigator.locks.request(name, { signal }, listen);
    // The stream has ended for good. Events from other tabs are still reported.
    await over;
  } catch {
    // The signal aborted before this tab's turn to listen.
  } finally {
    channel.close();
  }
}
