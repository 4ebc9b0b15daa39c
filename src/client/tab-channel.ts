import type { AccessToken } from './access-token.js';
import { inBrowser } from './platform.js';

/** What the tabs of one origin tell each other. */
export type TabMessage =
  /** A sign-in: every tab goes over to it. */
  | { readonly type: 'signed_in'; readonly token: AccessToken }
  /** A refresh, or the answer to a question. */
  | { readonly type: 'token'; readonly token: AccessToken }
  | { readonly type: 'signed_out'; readonly how: 'signed_out' | 'ended' }
  /** Who has a token that is younger? */
  | { readonly type: 'ask'; readonly after: number }
  /** A refresh is under way, and this is when it began. */
  | { readonly type: 'sent'; readonly at: number };

export interface TabChannel {
  post(message: TabMessage): void;
  close(): void;
}

/** The way to the other tabs; outside of browsers there are none. */
export function openTabChannel(name: string, listener: (message: TabMessage) => void): TabChannel {
  let channel = inBrowser && typeof BroadcastChannel !== 'undefined' ? new BroadcastChannel(name) : undefined;
  channel?.addEventListener('message', (event) => listener((event as unknown as { data: TabMessage }).data));
  return {
    post: (message) => channel?.postMessage(message),
    close() {
      channel?.close();
      channel = undefined;
    },
  };
}
