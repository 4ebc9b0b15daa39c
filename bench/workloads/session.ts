/** A signed-in device. */
export interface Session {
  readonly accessToken: string;
  /** The last one received. */
  refreshToken: string;
}

/** Signs this number of devices of one user in. */
export function signIn(port: number, count: number): Promise<Session[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const response = await fetch(`http://localhost:${port}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'alice', password: 'alice-password', transport: 'body' }),
      });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`The login was answered with ${response.status}: ${text}`);
      const { access_token: accessToken, refresh_token: refreshToken } = JSON.parse(text);
      return { accessToken, refreshToken };
    }),
  );
}
