import type { AuthClient } from './client.js';
import { byId, element, pause } from './dom.js';
import { type Happening, moodOf, sentenceOf } from './happening.js';
import { hearStory } from './story-relay.js';

/** Milliseconds until the server has kept what happened. */
const KEPT = 1_000;
/** Milliseconds that the server goes on telling after the end of a session, and a little more. */
const EPILOGUE = 2_500;
const MOST = 200;

/** The live story of the visitor's sessions. It is told only while somebody looks. */
export class Story {
  private readonly list = byId('events');
  private readonly listeners = new Set<(happening: Happening) => void>();
  private reading: AbortController | undefined;
  /** Of the session that it is about, while there is one. */
  private sessionId: string | undefined;

  constructor(
    private readonly client: AuthClient,
    /** Called when the story is taken up again: what has happened meanwhile was not heard. */
    private readonly onResumed: () => void,
  ) {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.reading?.abort();
      else if (this.sessionId && this.reading?.signal.aborted !== false) void this.read(true);
    });
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (happening: Happening) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  begin(sessionId: string): void {
    this.sessionId = sessionId;
    this.list.replaceChildren();
    if (!document.hidden) void this.read(false);
  }

  /** Hears how it ends. */
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

  /** What the server has kept of before, once it has written it down. */
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
