import type { AccessToken } from './access-token.js';
import { inBrowser } from './platform.js';

/** A message between the tabs of one origin. */
export type TabMessage =
  /** A sign-in: every tab adopts the new session. */
  | { readonly type: 'signed_in'; readonly token: AccessToken }
  /** A refreshed token, or the answer to `ask`. */
  | { readonly type: 'token'; readonly token: AccessToken }
  | { readonly type: 'signed_out'; readonly how: 'signed_out' | 'ended' }
  /** Asks for a token that is newer than `after`. */
  | { readonly type: 'ask'; readonly after: number }
  /** A refresh is in progress; `at` is when it began. */
  | { readonly type: 'sent'; readonly at: number };

export interface TabChannel {
  post(message: TabMessage): void;
  close(): void;
}

/** The channel to the other tabs. Outside of browsers there are no other tabs. */
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
