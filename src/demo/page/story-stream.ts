import type { AuthClient } from './client.js';
import type { Happening } from './happening.js';

/**
 * Reads server-sent events with `fetch`, because `EventSource` cannot send the access token. Ends when the server ends
 * the stream, and throws when the connection breaks.
 *
 * @param begun called with the server's time from which on no event is missed
 */
export async function* happenings(
  client: AuthClient,
  signal: AbortSignal,
  begun: (at: number) => void,
): AsyncGenerator<Happening> {
  const response = await client.fetch('/story', { headers: { accept: 'text/event-stream' }, signal });
  if (!response.ok || !response.body) throw new Error(`The server answered with ${response.status}.`);
  let pending = '';
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const messages = (pending + text).split('\n\n');
    pending = messages.pop()!;
    for (const message of messages) {
      const fields = new Map(message.split('\n').map((line) => splitOnce(line)));
      if (fields.get('event') === 'begun') begun((JSON.parse(fields.get('data')!) as { at: number }).at);
      if (fields.get('event') === 'happened') yield JSON.parse(fields.get('data')!) as Happening;
    }
  }
}

function splitOnce(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}
