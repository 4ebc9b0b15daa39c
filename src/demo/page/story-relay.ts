import type { AuthClient } from './client.js';
import { pause } from './dom.js';
import type { Happening } from './happening.js';
import { happenings } from './story-stream.js';

/** Milliseconds before a story that broke off is taken up again: the first time, and at most. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

export interface StoryListener {
  /** From this time on, by the server's clock, nothing is missed. */
  begun(at: number): void;
  happened(happening: Happening): void;
  /** Whether a story that breaks off is to be taken up again. */
  isWanted(): boolean;
}

type Message =
  | { type: 'begun'; at: number }
  | { type: 'happened'; happening: Happening }
  /** Is it being told already? */
  | { type: 'ask' }
  /** It is, and this is the time. */
  | { type: 'goes_on'; at: number };

/**
 * The story of a session, as all tabs hear it until the signal: one of them listens to the server, and tells the others. Over
 * HTTP/1.1 a browser has six connections to a server, and each listener would hold one.
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
  /** By how many milliseconds the server's clock is ahead, where it is this tab that listens. */
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
        // The server ends it with the access token; there may be another.
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
    // It has ended for good. What other tabs may still tell is heard.
    await over;
  } catch {
    // Its turn to listen has never come.
  } finally {
    channel.close();
  }
}
