import type { AuthClient } from './client.js';
import { byId, element, pause } from './dom.js';
import { type Happening, moodOf, sentenceOf } from './happening.js';
import { hearStory } from './story-relay.js';

/** Milliseconds until the server has stored recent events. */
const KEPT = 1_000;
/** Milliseconds to keep listening after a session has ended. The server sends events a little less long. */
const EPILOGUE = 2_500;
const MOST = 200;

/** Shows the events of the visitor's sessions live, while the page is visible. */
export class Story {
  private readonly list = byId('events');
  private readonly listeners = new Set<(happening: Happening) => void>();
  private reading: AbortController | undefined;
  /** The current session's id, if there is one. */
  private sessionId: string | undefined;

  constructor(
    private readonly client: AuthClient,
    /** Called after a reconnection, because events were missed. */
    private readonly onResumed: () => void,
  ) {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.reading?.abort();
      else if (this.sessionId && this.reading?.signal.aborted !== false) void this.read(true);
    });
  }

  /** Returns a function that ends the subscription. */
  subscribe(listener: (happening: Happening) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  begin(sessionId: string): void {
    this.sessionId = sessionId;
    this.list.replaceChildren();
    if (!document.hidden) void this.read(false);
  }

  /** Listens a little longer, for the last events of the session. */
  end(): void {
    this.sessionId = undefined;
    const { reading } = this;
    setTimeout(() => reading?.abort(), EPILOGUE);
  }

  private async read(resumed: boolean): Promise<void> {
    this.reading?.abort();
    const { signal } = (this.reading = new AbortController());
    const { sessionId } = this;
    const begun = (at: number) => {
      if (resumed) this.onResumed();
      resumed = true;
      void this.recall(at, signal);
    };
    const happened = (happening: Happening) => this.tell(happening);
    const isWanted = () => this.sessionId === sessionId;
    await hearStory(this.client, sessionId!, { begun, happened, isWanted }, signal);
  }

  /** Loads the earlier events, after the server has stored them. */
  private async recall(before: number, signal: AbortSignal): Promise<void> {
    const old = new Set(this.list.children);
    await pause(KEPT);
    const response = await this.client.fetch('/auth/events?limit=50', { signal }).catch(() => undefined);
    if (!response?.ok || signal.aborted) return;
    const kept = (await response.json()) as (Omit<Happening, 'at'> & { at: string })[];
    const earlier = kept.map((event) => ({ ...event, at: Date.parse(event.at) })).filter(({ at }) => at < before);
    for (const item of old) item.remove();
    this.list.append(...earlier.map(itemOf));
  }

  private tell(happening: Happening): void {
    this.list.prepend(itemOf(happening));
    while (this.list.children.length > MOST) this.list.lastElementChild!.remove();
    for (const listener of this.listeners) listener(happening);
  }
}

export function itemOf(happening: Happening): HTMLLIElement {
  const at = new Date(happening.at);
  const time = element('time', { dateTime: at.toISOString() }, at.toLocaleTimeString());
  return element('li', { className: moodOf(happening) }, time, element('span', {}, sentenceOf(happening)));
}
