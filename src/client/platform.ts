/** The part of the Web Locks API that the client uses. */
export interface Locks {
  request(
    name: string,
    options: { ifAvailable?: boolean; steal?: boolean; signal?: AbortSignal },
    work: (lock: unknown) => unknown,
  ): Promise<unknown>;
}

/**
 * Browser APIs that other runtimes may lack. They are typed here, so that the client needs neither the DOM's nor Node's
 * types.
 */
export const platform = globalThis as unknown as {
  addEventListener?(type: string, listener: (event: { persisted?: boolean }) => void): void;
  removeEventListener?(type: string, listener: (event: { persisted?: boolean }) => void): void;
  crypto?: { getRandomValues(bytes: Uint8Array): unknown };
  location?: { href: string };
  document?: { hidden: boolean };
  navigator?: { locks?: Locks };
  localStorage?: Record<string, string>;
};

/** Whether the client runs in a page or a worker, where there are cookies and other tabs. */
export const inBrowser = platform.location !== undefined;

export const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
