import type { AccessToken } from '../access-token.js';
import { inBrowser } from '../platform.js';

/** A message between the tabs of one origin. */
export type TabMessage =
  /** A sign-in: every tab adopts the new session. */
  | { readonly type: 'signed_in'; readonly token: AccessToken }
  /** A refreshed token, or the answer to `ask`. */
  | { readonly type: 'token'; readonly token: AccessToken }
  /** `sessionId` is the session that was left, if the tab knew it. */
  | { readonly type: 'signed_out'; readonly how: 'signed_out' | 'ended'; readonly sessionId: string | undefined }
  /** Asks for a token that is newer than `after`. */
  | { readonly type: 'ask'; readonly after: number };

export interface TabChannel {
  post(message: TabMessage): void;
  close(): void;
}

/** Messages of tabs with an older version of the page have a different form. */
const VERSION = 2;

/** The channel to the other tabs. Outside of browsers, and where the browser forbids it, there are no other tabs. */
export function openTabChannel(name: string, listener: (message: TabMessage) => void): TabChannel {
  let channel = open(name);
  channel?.addEventListener('message', (event) => listener((event as unknown as { data: TabMessage }).data));
  return {
    post: (message) => channel?.postMessage(message),
    close() {
      channel?.close();
      channel = undefined;
    },
  };
}

function open(name: string): InstanceType<typeof BroadcastChannel> | undefined {
  try {
    return inBrowser ? new BroadcastChannel(`${name} ${VERSION}`) : undefined;
  } catch {
    // Old browsers have none, and Firefox forbids it to pages whose cookies are blocked.
    return undefined;
  }
}
